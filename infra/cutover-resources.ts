/** The resources of the provider `cutover`, as the program declares them. */
import pulumi from '@pulumi/pulumi';
import type { RouteEntry } from '../core/stack-config.ts';

export type RouteArgs = RouteEntry & {
  readonly name: string;
  readonly admin: string;
  readonly shard: number;
  readonly deployment: string;
  readonly unclassifiedEffects: readonly string[];
  readonly hasWeightKey: boolean;
};

/** The route of one connection: what its gateway does with it. */
export class Route extends pulumi.CustomResource {
  constructor(name: string, args: RouteArgs, options: pulumi.CustomResourceOptions) {
    super('cutover:index:Route', name, { ...args, control: undefined, incarnation: undefined }, options);
  }
}

export type GatewayArgs = {
  readonly admin: string;
  readonly shard: number;
  readonly deployment: string;
  readonly target: 'local' | 'production';
  readonly feeds: Readonly<Record<string, number>>;
  readonly legs: Readonly<Record<string, { readonly legacy: number; readonly new: number }>>;
};

/** A gateway that runs already: its identity, version and ports are verified, nothing is started. */
export class Gateway extends pulumi.CustomResource {
  declare readonly incarnation: pulumi.Output<string>;
  declare readonly version: pulumi.Output<string>;
  declare readonly admin: pulumi.Output<string>;

  constructor(name: string, args: GatewayArgs, options: pulumi.CustomResourceOptions = {}) {
    const verified = { incarnation: undefined, version: undefined, verifiedFeeds: undefined, verifiedLegs: undefined };
    super('cutover:index:Gateway', name, { ...args, ...verified }, options);
  }
}
