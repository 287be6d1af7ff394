/** What `insert` and `remove` do with each feed, decided from what is: its path, and what its gateway says. */
import type { Phase, Platform } from '../platform.ts';
import { describePath, type PathEntry } from './path.ts';

export type FeedSnapshot = {
  readonly name: string;
  readonly path: PathEntry;
  /** The gateway connects to its sender, so that no load balancer is between them. */
  readonly isDialled: boolean;
  /** Every connection that it serves, selected or not: a path is the feed's. */
  readonly connections: readonly string[];
  /** Null: its gateway could not be asked. */
  readonly gateway: { readonly primary: Platform; readonly phases: readonly Phase[] } | null;
  /** Of its connections, from the routes stack's file; for when the gateway is gone. */
  readonly phasesOnFile: readonly (Phase | null)[];
};

export type PathMove = {
  readonly feed: string;
  readonly connections: readonly string[];
  readonly from: PathEntry;
  readonly to: PathEntry;
};
export type PathRefusal = {
  readonly feed: string;
  readonly code: string;
  readonly message: string;
  readonly next: readonly string[];
};
export type PathPlan = {
  readonly moves: readonly PathMove[];
  readonly alreadyThere: readonly { readonly feed: string; readonly path: PathEntry }[];
  readonly refused: readonly PathRefusal[];
};

type Decision =
  | { readonly kind: 'move'; readonly to: PathEntry }
  | { readonly kind: 'there' }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string; readonly next: readonly string[] };

export function planInsert(feeds: readonly FeedSnapshot[]): PathPlan {
  return planned(feeds, insert);
}

/** `force`: leave the path whatever the phase, and without asking the gateway where that is gone. */
export function planRemove(feeds: readonly FeedSnapshot[], force: boolean): PathPlan {
  return planned(feeds, (feed) => remove(feed, force));
}

function insert(feed: FeedSnapshot): Decision {
  if (feed.path.path === 'gateway') return { kind: 'there' };
  if (feed.gateway === null) {
    const message = 'its gateway could not be asked, and messages would go to it from now on';
    return refused('gateway-unavailable', message, ['cutover doctor']);
  }
  const { primary } = feed.gateway;
  if (primary === feed.path.platform) return { kind: 'move', to: { path: 'gateway' } };
  const message = `sources reach ${feed.path.platform} directly, and at the gateway ${primary} answers this feed: to insert it would move the feed to ${primary}`;
  const remedy =
    primary === 'new' ? `cutover rollback --feed ${feed.name} --force` : `cutover switch --feed ${feed.name}`;
  return refused('other-primary', message, [remedy]);
}

function remove(feed: FeedSnapshot, force: boolean): Decision {
  if (feed.path.path === 'direct') return { kind: 'there' };
  if (feed.gateway === null && !force) {
    return refused('gateway-unavailable', 'its gateway could not be asked how its connections stand', [
      'cutover doctor',
      `cutover remove --feed ${feed.name} --force --reason "the gateway is down"`,
    ]);
  }
  const platform = feed.gateway?.primary ?? onFile(feed.phasesOnFile);
  if (platform === null) {
    const message = 'its gateway could not be asked, and by the stack file its connections are not all on one platform';
    return refused('platform-unknown', message, [`bring the gateway up: runbooks/gateway-down.md`]);
  }
  const busy = (feed.gateway?.phases ?? []).filter((phase) => phase === 'parallel' || phase === 'switched');
  if (busy.length > 0 && !force) {
    const message = `it is in ${[...new Set(busy)].join(' and ')}: without the gateway there is neither shadow nor capture, and no lossless rollback`;
    const remedy = busy.includes('switched')
      ? `cutover rollback --feed ${feed.name} --reason "TEXT"`
      : `cutover cancel --feed ${feed.name} --reason "TEXT"`;
    return refused('in-use', message, [remedy, `cutover remove --feed ${feed.name} --force --reason "TEXT"`]);
  }
  return { kind: 'move', to: { path: 'direct', platform } };
}

/** Null: not all alike, or not all known. */
function onFile(phases: readonly (Phase | null)[]): Platform | null {
  if (phases.every((phase) => phase === 'legacy' || phase === 'parallel')) return 'legacy';
  return phases.every((phase) => phase === 'switched' || phase === 'decommissioned') ? 'new' : null;
}

/** There is no weight to set: whoever the sender lets connect is in its path. */
function refuseDialled(): Decision {
  const message =
    'the gateway dials its sender (connect: dial), so no load balancer is in its path: who connects there is changed at the sender';
  return refused('dialled-feed', message, ['runbooks/insert-and-remove.md, "Dialled feeds"']);
}

function planned(feeds: readonly FeedSnapshot[], decide: (feed: FeedSnapshot) => Decision): PathPlan {
  const decided = feeds.map((feed) => ({ feed, decision: feed.isDialled ? refuseDialled() : decide(feed) }));
  return {
    moves: decided.flatMap(({ feed, decision }) =>
      decision.kind === 'move'
        ? [{ feed: feed.name, connections: feed.connections, from: feed.path, to: decision.to }]
        : [],
    ),
    alreadyThere: decided.flatMap(({ feed, decision }) =>
      decision.kind === 'there' ? [{ feed: feed.name, path: feed.path }] : [],
    ),
    refused: decided.flatMap(({ feed, decision }) => {
      if (decision.kind !== 'refused') return [];
      const { code, message, next } = decision;
      const where = feed.isDialled ? 'dialled' : describePath(feed.path);
      return [{ feed: feed.name, code, message: `${feed.name} (${where}): ${message}`, next }];
    }),
  };
}

function refused(code: string, message: string, next: readonly string[]): Decision {
  return { kind: 'refused', code, message, next };
}
