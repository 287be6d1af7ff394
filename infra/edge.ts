/** The layer `edge`: both platforms as the network sees them, the load balancers, and one listener a feed with its path. */
import { Provider as AwsProvider } from '@pulumi/aws/provider.js';
import { Provider as KubernetesProvider } from '@pulumi/kubernetes/provider.js';
import pulumi from '@pulumi/pulumi';
import { type EdgeStack, edgeClashes } from '../core/edge/edge-config.ts';
import {
  type Listening,
  legsOf,
  listeningFeedsOf,
  loadBalancerOf,
  loadBalancersFor,
} from '../core/edge/load-balancers.ts';
import { FIRST_PATH } from '../core/edge/path.ts';
import { formatProblem } from '../core/located-yaml.ts';
import { PLATFORMS, type Platform } from '../core/platform.ts';
import { AdminEndpoint } from './components/admin-endpoint.ts';
import { ConnectionRoute } from './components/connection-route.ts';
import { EdgeLoadBalancer } from './components/edge-load-balancer.ts';
import { LegRoute } from './components/leg-route.ts';
import { PlatformEndpoint } from './components/platform-endpoint.ts';
import { refuseViolations } from './policies/in-program.ts';
import type { InventoryRead } from './read-stack.ts';

export type EdgeOutputs = {
  readonly admin: pulumi.Output<string>;
  readonly loadBalancers: object;
  readonly platforms: object;
};

export function edgeLayer(
  stack: EdgeStack,
  { file, inventory }: Pick<InventoryRead, 'file' | 'inventory'>,
): EdgeOutputs {
  const { edge, paths } = stack;
  const clashes = edgeClashes(stack, inventory, file);
  if (clashes.length > 0) throw new pulumi.RunError(clashes.map(formatProblem).join('\n'));
  Error.stackTraceLimit = 0;
  refuseViolations();

  const aws = new AwsProvider('aws', {
    region: edge.region,
    allowedAccountIds: [edge.accountId],
    defaultTags: { tags: { 'cutover:deployment': inventory.deployment, 'cutover:layer': 'edge' } },
  });
  const kubernetes = new KubernetesProvider('cluster', { kubeconfig: new pulumi.Config().requireSecret('kubeconfig') });
  const within = { providers: { aws, kubernetes } };

  const feeds = listeningFeedsOf(inventory);
  const legs = legsOf(inventory);
  const platformRanges = PLATFORMS.flatMap((platform) =>
    edge.platforms[platform].addresses.map((address) => `${address}/32`),
  );
  const targetRanges = [...edge.gateway.podRanges, ...platformRanges];
  const balancers = new Map(
    loadBalancersFor([...feeds, ...legs]).map(({ name, firstPort }) => {
      const { vpcId, subnetIds, zone } = edge;
      // Platforms are the sources of the legs.
      const sourceRanges = [...edge.sourceRanges, ...platformRanges];
      const args = { deployment: inventory.deployment, firstPort, vpcId, subnetIds, sourceRanges, targetRanges, zone };
      return [name, new EdgeLoadBalancer(name, args, within)] as const;
    }),
  );
  const endpointOf = (platform: Platform): PlatformEndpoint => {
    const ports = inventory.feeds.map((feed) => feed.platforms[platform].port);
    const clients = Object.fromEntries([...balancers].map(([name, { securityGroupId }]) => [name, securityGroupId]));
    const { addresses, health } = edge.platforms[platform];
    const { zone, vpcId } = edge;
    const range = { from: Math.min(...ports), to: Math.max(...ports) };
    return new PlatformEndpoint(platform, { platform, addresses, health, zone, vpcId, ports: range, clients }, within);
  };
  const platforms = { legacy: endpointOf('legacy'), new: endpointOf('new') };

  const common = {
    deployment: inventory.deployment,
    vpcId: edge.vpcId,
    gateway: edge.gateway,
    idleTimeoutMs: edge.idleTimeout,
    deregistrationDelayMs: edge.deregistrationDelay,
    kubernetes,
  };
  const arnOf = (listening: Listening): pulumi.Output<string> => {
    const balancer = balancers.get(loadBalancerOf(listening));
    if (balancer === undefined) throw new Error(`no load balancer for ${listening.name}`);
    return balancer.arn;
  };
  for (const feed of feeds) {
    const path = paths[feed.name] ?? FIRST_PATH;
    new ConnectionRoute(feed.name, { ...common, feed, path, loadBalancerArn: arnOf(feed), platforms }, within);
  }
  for (const leg of legs) {
    const { shard, port } = leg;
    new LegRoute(leg.name, { ...common, shard, port, loadBalancerArn: arnOf(leg) }, within);
  }
  const admin = new AdminEndpoint(
    'admin',
    {
      deployment: inventory.deployment,
      shards: inventory.gateways.map(({ shard }) => shard),
      gateway: edge.gateway,
      vpcId: edge.vpcId,
      subnetIds: edge.subnetIds,
      operatorRanges: edge.operatorRanges,
      zone: edge.zone,
      kubernetes,
    },
    within,
  );
  return {
    admin: admin.dnsName,
    loadBalancers: Object.fromEntries([...balancers].map(([name, { dnsName }]) => [name, dnsName])),
    platforms: { legacy: platforms.legacy.dnsName, new: platforms.new.dnsName },
  };
}
