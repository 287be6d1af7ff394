/**
 * The listener of a leg: the address to which a platform sends its output, whatever pod the gateway is in. It has one
 * target: a platform is told another destination where the gateway is to be left out of the way back.
 */
import { Listener } from '@pulumi/aws/lb/listener.js';
import pulumi from '@pulumi/pulumi';
import { type GatewayTargetArgs, gatewayTarget } from './gateway-target.ts';
import { seconds } from './names.ts';

export type LegRouteArgs = Omit<GatewayTargetArgs, 'healthPath' | 'tags'> & {
  readonly loadBalancerArn: pulumi.Input<string>;
  readonly idleTimeoutMs: number;
};

export class LegRoute extends pulumi.ComponentResource {
  constructor(name: string, args: LegRouteArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:edge:LegRoute', name, {}, options);
    const tags = { 'cutover:leg': name };
    const group = gatewayTarget(`${name}/gateway`, name, { ...args, healthPath: '/readyz', tags }, this);
    new Listener(
      name,
      {
        loadBalancerArn: args.loadBalancerArn,
        port: args.port,
        protocol: 'TCP',
        tcpIdleTimeoutSeconds: seconds(args.idleTimeoutMs),
        defaultActions: [{ type: 'forward', targetGroupArn: group.arn }],
        tags,
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
