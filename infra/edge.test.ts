/** The edge layer as it is declared, with mocks: what matters of every resource. */
import { beforeAll, describe, expect, it } from 'vitest';
import { EDGE, EDGE_FILE } from '../core/edge/edge.example.ts';
import { parseEdgeStack } from '../core/edge/edge-config.ts';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { exampleInventory } from './testing/example-inventory.ts';
import { type Declared, declare, type Recorder, recordResources } from './testing/mocks.ts';

const LISTENER = 'aws:lb/listener:Listener';
const GROUP = 'aws:lb/targetGroup:TargetGroup';
const BINDING = 'kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding';

describe('the edge layer of 250 connections', () => {
  let recorder: Recorder;
  let inventory: Inventory;

  beforeAll(async () => {
    recorder = await recordResources('production-edge', { 'lab-cutover:kubeconfig': 'a-kubeconfig' });
    const parsed = parseInventory(exampleInventory(), 'inventory.yaml');
    const stack = parseEdgeStack(EDGE, EDGE_FILE);
    if (!parsed.ok || !stack.ok) throw new Error('the examples hold');
    inventory = parsed.value;
    const { edgeLayer } = await import('./edge.ts');
    await declare(() => edgeLayer(stack.value, { file: 'inventory.yaml', inventory }));
  });

  it('has one listener and three target groups a feed, and a path gives one of them everything', () => {
    const feeds = inventory.feeds.map(({ name }) => name);
    expect(recorder.of(LISTENER).filter(({ name }) => feeds.includes(name))).toHaveLength(226);
    expect(weightsAt(recorder.one(LISTENER, 'alderbrook-orders'))).toEqual([0, 100, 0]);
    expect(weightsAt(recorder.one(LISTENER, 'alderfield-orders'))).toEqual([0, 0, 100]);
    expect(weightsAt(recorder.one(LISTENER, 'riverview-orders'))).toEqual([100, 0, 0]);
    for (const feed of inventory.feeds) {
      const groups = recorder.of(GROUP).filter(({ name }) => name.startsWith(`${feed.name}/`));
      expect(groups.map(({ inputs }) => inputs.port)).toEqual(
        [feed.port, feed.platforms.legacy.port, feed.platforms.new.port].sort(
          byOrderOf(groups.map(({ inputs }) => inputs.port)),
        ),
      );
    }
  });

  it('keeps idle connections of senders for long, and asks no MLLP port whether it is well', () => {
    const mllpPorts = new Set(
      inventory.feeds.flatMap(({ port, platforms }) => [port, platforms.legacy.port, platforms.new.port]).map(String),
    );
    for (const { name, inputs } of recorder.of(LISTENER)) {
      if (!name.startsWith('admin')) expect(inputs).toMatchObject({ protocol: 'TCP', tcpIdleTimeoutSeconds: 6000 });
    }
    for (const { inputs } of recorder.of(GROUP)) {
      const { port, protocol } = Object(inputs.healthCheck);
      expect(mllpPorts.has(port)).toBe(false);
      expect(['TCP', 'HTTPS']).toContain(protocol);
    }
    expect(recorder.one(GROUP, 'alderbrook-orders/gateway').inputs.healthCheck).toMatchObject({
      protocol: 'HTTPS',
      port: '7443',
      path: '/readyz',
    });
    expect(recorder.one(GROUP, 'alderbrook-orders/direct-new').inputs).toMatchObject({
      preserveClientIp: 'true',
      deregistrationDelay: 60,
      connectionTermination: true,
    });
  });

  it('stays under the limits of a load balancer, and has every target group name once', () => {
    const balancers = Map.groupBy(recorder.of(LISTENER), ({ inputs }) => inputs.loadBalancerArn);
    for (const listeners of balancers.values()) expect(listeners.length).toBeLessThanOrEqual(50);
    expect(recorder.of('aws:lb/loadBalancer:LoadBalancer').every(({ inputs }) => inputs.internal === true)).toBe(true);
    const names = recorder.of(GROUP).map(({ inputs }) => inputs.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('leaves the addresses of pods to the cluster, and knows only those of the platforms', () => {
    const attached = recorder
      .of('aws:lb/targetGroupAttachment:TargetGroupAttachment')
      .map(({ inputs }) => inputs.targetId);
    expect(new Set(attached)).toEqual(new Set(['10.30.0.10', '10.40.0.10', '10.40.1.10']));
    const bindings = recorder.of(BINDING);
    expect(bindings).toHaveLength(226 + 254 + 2);
    expect(bindings.find(({ name }) => name === 'lis-results')?.inputs.spec).toMatchObject({
      serviceRef: { name: 'gateway-1', port: 21_450 },
    });
  });

  it('admits sources, platforms and operators from their own networks only', () => {
    const rules = recorder.of('aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule');
    const ranges = new Set(rules.map(({ inputs }) => inputs.cidrIpv4).filter((range) => range !== undefined));
    expect(ranges).toEqual(
      new Set(['10.60.0.0/16', '10.70.0.0/24', '10.30.0.10/32', '10.40.0.10/32', '10.40.1.10/32']),
    );
    expect(recorder.one(rules[0]?.type ?? '', 'admin-operators-0').inputs).toMatchObject({
      fromPort: 7443,
      toPort: 7444,
    });
  });

  it('does nothing in another account', () => {
    const [provider] = recorder.of('pulumi:providers:aws');
    expect(provider?.inputs.allowedAccountIds).toBe('["000000000000"]');
  });
});

function weightsAt({ inputs }: Declared): unknown {
  const [action] = Object(inputs.defaultActions);
  return action.forward.targetGroups.map((group: { weight: number }) => group.weight);
}

function byOrderOf(order: readonly unknown[]) {
  return (a: unknown, b: unknown): number => order.indexOf(a) - order.indexOf(b);
}
