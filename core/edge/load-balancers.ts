/**
 * Which network load balancer a feed or a leg has its listener on. A load balancer takes 50 listeners and each of its ports once, so
 * a block of 50 ports is one load balancer: it can never be full, and one that comes or goes moves no other.
 */
import type { Feed, Inventory } from '../inventory.ts';
import { PLATFORMS } from '../platform.ts';

export const LISTENERS_LIMIT = 50;

export type Listening = { readonly name: string; readonly shard: number; readonly port: number };

export type LoadBalancer = {
  /** As in `s0-p21000`: shard, and the first port of its block. */
  readonly name: string;
  readonly shard: number;
  readonly firstPort: number;
  /** Names of its listeners, by port. */
  readonly listeners: readonly string[];
};

export function loadBalancerOf({ shard, port }: Pick<Listening, 'shard' | 'port'>): string {
  return `s${shard}-p${firstPortOf(port)}`;
}

export function loadBalancersFor(listening: readonly Listening[]): readonly LoadBalancer[] {
  const grouped = Map.groupBy(
    [...listening].sort((a, b) => a.shard - b.shard || a.port - b.port),
    loadBalancerOf,
  );
  return [...grouped].map(([name, members]) => ({
    name,
    shard: members[0]?.shard ?? 0,
    firstPort: firstPortOf(members[0]?.port ?? 0),
    listeners: members.map((member) => member.name),
  }));
}

/** Feeds whose senders connect to us: what the gateway dials itself needs no listener. */
export function listeningFeedsOf({ feeds }: Inventory): readonly Feed[] {
  return feeds.filter(({ dial }) => dial === null);
}

/** Ports on which platforms send their output; connections may share one. */
export function legsOf({ connections }: Inventory): readonly Listening[] {
  const legs = connections.flatMap(({ shard, legs: own }) =>
    PLATFORMS.filter((platform) => own[platform].dial === null).map((platform) => ({
      name: `leg-${shard}-${own[platform].port}`,
      shard,
      port: own[platform].port,
    })),
  );
  return [...new Map(legs.map((leg) => [leg.name, leg])).values()];
}

function firstPortOf(port: number): number {
  return port - (port % LISTENERS_LIMIT);
}
