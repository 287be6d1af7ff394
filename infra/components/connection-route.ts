/**
 * The listener of one feed, and its three targets: legacy directly, the gateway, new directly. The path gives one of
 * them all new TCP connections; the two others stay in place with weight 0, so that a bypass is one change of weights.
 *
 * A change of weight moves no open connection, and MLLP connections stay open for days: a sender follows when it
 * reconnects. So the weights only put the gateway in or out; what goes to which platform is decided in the gateway.
 */
import { Listener } from '@pulumi/aws/lb/listener.js';
import { TargetGroup } from '@pulumi/aws/lb/targetGroup.js';
import { TargetGroupAttachment } from '@pulumi/aws/lb/targetGroupAttachment.js';
import type { lb } from '@pulumi/aws/types/input.js';
import pulumi from '@pulumi/pulumi';
import type { EdgeConfig } from '../../core/edge/edge-config.ts';
import { type PathEntry, TARGETS, type Target, weightsOf } from '../../core/edge/path.ts';
import type { Feed } from '../../core/inventory.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import { gatewayTarget, HEALTH, TARGET_GROUP } from './gateway-target.ts';
import { seconds, shortName } from './names.ts';
import type { PlatformEndpoint } from './platform-endpoint.ts';

export type ConnectionRouteArgs = {
  readonly deployment: string;
  readonly feed: Feed;
  readonly path: PathEntry;
  readonly vpcId: string;
  readonly loadBalancerArn: pulumi.Input<string>;
  readonly platforms: Readonly<Record<Platform, PlatformEndpoint>>;
  readonly gateway: EdgeConfig['gateway'];
  readonly idleTimeoutMs: number;
  readonly deregistrationDelayMs: number;
  readonly kubernetes: pulumi.ProviderResource;
};

export class ConnectionRoute extends pulumi.ComponentResource {
  readonly listenerArn: pulumi.Output<string>;

  constructor(name: string, args: ConnectionRouteArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:edge:ConnectionRoute', name, {}, options);
    const direct = PLATFORMS.map(
      (platform) => [`direct-${platform}`, this.#directTarget(name, platform, args)] as const,
    );
    const arns: Readonly<Record<Target, pulumi.Output<string>>> = {
      gateway: this.#gatewayTarget(name, args),
      'direct-legacy': find(direct, 'direct-legacy'),
      'direct-new': find(direct, 'direct-new'),
    };
    const weights = weightsOf(args.path);
    const listener = new Listener(
      name,
      {
        loadBalancerArn: args.loadBalancerArn,
        port: args.feed.port,
        protocol: 'TCP',
        tcpIdleTimeoutSeconds: seconds(args.idleTimeoutMs),
        defaultActions: [
          {
            type: 'forward',
            forward: { targetGroups: TARGETS.map((target) => ({ arn: arns[target], weight: weights[target] })) },
          },
        ],
        tags: { 'cutover:feed': name },
      },
      { parent: this },
    );
    this.listenerArn = listener.arn;
    this.registerOutputs({ listenerArn: this.listenerArn });
  }

  #directTarget(name: string, platform: Platform, args: ConnectionRouteArgs): pulumi.Output<string> {
    const target: Target = `direct-${platform}`;
    const { addresses, health } = args.platforms[platform];
    const { port } = args.feed.platforms[platform];
    const group = this.#targetGroup(name, target, port, args, {
      ...HEALTH,
      protocol: health.protocol.toUpperCase(),
      port: String(health.port),
      ...(health.protocol === 'tcp' ? {} : { path: health.path, matcher: '200-399' }),
    });
    for (const address of addresses) {
      new TargetGroupAttachment(
        `${name}/${target}/${address}`,
        { targetGroupArn: group.arn, targetId: address, port },
        { parent: group },
      );
    }
    return group.arn;
  }

  #gatewayTarget(name: string, args: ConnectionRouteArgs): pulumi.Output<string> {
    const { port, shard } = args.feed;
    const tags = { 'cutover:feed': name, 'cutover:target': 'gateway' };
    const target = { ...args, port, shard, healthPath: '/readyz', tags } as const;
    return gatewayTarget(`${name}/gateway`, name, target, this).arn;
  }

  #targetGroup(
    name: string,
    target: Target,
    port: number,
    args: ConnectionRouteArgs,
    healthCheck: lb.TargetGroupHealthCheck,
  ): TargetGroup {
    const { deployment, vpcId } = args;
    return new TargetGroup(
      `${name}/${target}`,
      {
        ...TARGET_GROUP,
        name: shortName('cutover', deployment, name, target, port, vpcId),
        vpcId,
        port,
        deregistrationDelay: seconds(args.deregistrationDelayMs),
        healthCheck,
        tags: { 'cutover:feed': name, 'cutover:target': target },
      },
      { parent: this },
    );
  }
}

function find(pairs: readonly (readonly [string, pulumi.Output<string>])[], wanted: Target): pulumi.Output<string> {
  const found = pairs.find(([target]) => target === wanted)?.[1];
  if (found === undefined) throw new Error(`no target ${wanted}`);
  return found;
}
