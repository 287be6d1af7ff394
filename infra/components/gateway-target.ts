/**
 * A target group with the gateway of one shard behind it. Pods change their address at every restart: the controller in
 * the cluster registers them through the binding, Pulumi never knows one.
 */
import { TargetGroup } from '@pulumi/aws/lb/targetGroup.js';
import { CustomResource as KubernetesObject } from '@pulumi/kubernetes/apiextensions/customResource.js';
import type pulumi from '@pulumi/pulumi';
import type { EdgeConfig } from '../../core/edge/edge-config.ts';
import { seconds, shortName } from './names.ts';

export type GatewayTargetArgs = {
  readonly deployment: string;
  readonly vpcId: string;
  readonly shard: number;
  /** Of the gateway. */
  readonly port: number;
  readonly gateway: EdgeConfig['gateway'];
  readonly deregistrationDelayMs: number;
  /** Admin: also a gateway that serves nobody is to be reached. */
  readonly healthPath: '/readyz' | '/healthz';
  readonly tags: Readonly<Record<string, string>>;
  readonly kubernetes: pulumi.ProviderResource;
};

/** Of every target group: a gateway or platform that does not answer twice gets no new connections. */
export const HEALTH = { enabled: true, interval: 10, healthyThreshold: 2, unhealthyThreshold: 2, timeout: 6 } as const;

/** What all target groups of this layer have in common. */
export const TARGET_GROUP = {
  targetType: 'ip',
  protocol: 'TCP',
  // The gateway knows its senders by their address: a retry is recognised by it.
  preserveClientIp: 'true',
  // What is deregistered is going away: its senders reconnect instead of talking to nobody.
  connectionTermination: true,
} as const;

/** The group is the child of `parent`, the binding its own. `bindingName`: of the object in the cluster. */
export function gatewayTarget(
  name: string,
  bindingName: string,
  args: GatewayTargetArgs,
  parent: pulumi.Resource,
): TargetGroup {
  const { gateway, port, shard } = args;
  const group = new TargetGroup(
    name,
    {
      ...TARGET_GROUP,
      name: shortName('cutover', args.deployment, name, port, args.vpcId),
      vpcId: args.vpcId,
      port,
      deregistrationDelay: seconds(args.deregistrationDelayMs),
      healthCheck: {
        ...HEALTH,
        protocol: 'HTTPS',
        port: String(gateway.adminPort),
        path: args.healthPath,
        matcher: '200',
      },
      tags: { ...args.tags },
    },
    { parent },
  );
  new KubernetesObject(
    bindingName,
    {
      apiVersion: 'elbv2.k8s.aws/v1beta1',
      kind: 'TargetGroupBinding',
      metadata: {
        name: bindingName,
        namespace: gateway.namespace,
        labels: { 'app.kubernetes.io/part-of': 'cutover' },
      },
      spec: { targetGroupARN: group.arn, targetType: 'ip', serviceRef: { name: `gateway-${shard}`, port } },
    },
    { parent: group, provider: args.kubernetes },
  );
  return group;
}
