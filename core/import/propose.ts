/**
 * Flows into what an inventory says: a name for good, a feed, ports of the gateway, and the values that a later import
 * will compare with. Ports and names that are taken already stay with whoever has them.
 */

import { UNPLANNED } from '../planning/waves.ts';
import type { YamlValue } from '../yaml-splice.ts';
import type { Flow, Question } from './flow.ts';
import { freeName, slugOf } from './names.ts';
import type { ImportState } from './state.ts';

export type EntryValues = { [key: string]: YamlValue };

export type ProposedEntry = {
  readonly key: string;
  readonly name: string;
  readonly comment: string;
  readonly values: EntryValues;
};

export type Proposal = {
  readonly feeds: readonly ProposedEntry[];
  readonly connections: readonly ProposedEntry[];
  readonly questions: readonly Question[];
};

export type ProposeOptions = {
  /** By key of a flow or feed: what an earlier import called it. */
  readonly knownNames: ReadonlyMap<string, string>;
  /** By name: the ports that the inventory gives it already. */
  readonly knownPorts: ReadonlyMap<string, KnownPorts>;
  readonly takenNames: ReadonlySet<string>;
  readonly takenPorts: ReadonlySet<number>;
  /** As somebody said; where nobody did, a name is assumed, and asked about. */
  readonly hosts: ImportState['hosts'];
};

export type KnownPorts = {
  readonly feed: number | null;
  readonly legacyLeg: number | null;
  readonly newLeg: number | null;
};

/** Below the ports that systems give to clients (32768 and up on Linux), so that nothing else takes them. */
const FIRST_FEED_PORT = 20_000;
const FIRST_LEGACY_LEG_PORT = 22_000;
const FIRST_NEW_LEG_PORT = 26_000;
/** A stopped platform has to be quiet for longer than between two polls. */
const POLLS_OF_QUIET = 2;
const LEAST_QUIET_MS = 10_000;

type FedFlow = Flow & { readonly feedKey: string };

export function propose(flows: readonly Flow[], options: ProposeOptions): Proposal {
  const names = new Names(options);
  const ports = new Ports(options.takenPorts);
  const questions: Question[] = [];
  const fed = flows.flatMap((flow): FedFlow[] => (flow.feedKey === null ? [] : [{ ...flow, feedKey: flow.feedKey }]));
  const byFeed = [...Map.groupBy(fed, ({ feedKey }) => feedKey).values()];
  // Listeners keep their numbers where they can: a source then changes its host only.
  const feedPorts = new Map<string, number>();
  const sharedNames = new Map<string, string>();
  const named = new Map(flows.map((flow) => [flow.key, names.ofFlow(flow)]));
  for (const [first, ...others] of byFeed) {
    if (first === undefined) continue;
    const isShared = others.length > 0;
    const name = isShared ? names.ofFeed(first) : (named.get(first.key) ?? '');
    if (isShared) sharedNames.set(first.feedKey, name);
    const known = options.knownPorts.get(name)?.feed ?? null;
    feedPorts.set(first.feedKey, known ?? ports.claim(first.legacy.port, FIRST_FEED_PORT));
    questions.push(...askAboutFeed(first, name, options));
  }
  const feeds = byFeed.flatMap(([first]): ProposedEntry[] => {
    const name = first === undefined ? undefined : sharedNames.get(first.feedKey);
    if (first === undefined || name === undefined) return [];
    const values = { name, ...feedValues(first, feedPorts.get(first.feedKey) ?? 0, options) };
    return [{ key: first.feedKey, name, comment: `${first.feedLabel} (${placeOf(first)})`, values }];
  });
  const connections = flows.map((flow): ProposedEntry => {
    const name = named.get(flow.key) ?? '';
    const known = options.knownPorts.get(name);
    const legs = {
      legacy: known?.legacyLeg ?? ports.claim(null, FIRST_LEGACY_LEG_PORT),
      new: known?.newLeg ?? ports.claim(null, FIRST_NEW_LEG_PORT),
    };
    questions.push(...askAboutFlow(flow, name));
    const { feedKey } = flow;
    const shared = sharedNames.get(feedKey ?? '');
    const feed = feedKey === null ? null : (shared ?? feedValues(flow, feedPorts.get(feedKey) ?? 0, options));
    return {
      key: flow.key,
      name,
      comment: `${flow.label} (${placeOf(flow)})`,
      values: connectionValues(flow, { name, feed, legs }),
    };
  });
  return { feeds, connections, questions: [...questions, ...unpaired(flows, named)] };
}

function placeOf({ place }: Flow): string {
  return `${place.file}:${place.line}`;
}

const ASSUMED = { legacy: 'legacy.internal', new: 'new.internal' } as const;

function feedValues(flow: Flow, port: number, { hosts }: ProposeOptions): EntryValues {
  const { legacy, ackTimeoutMs } = flow;
  const framing = legacy.framing === null ? {} : { framing: framingValue(legacy.framing) };
  const platform = { host: legacy.host ?? hosts.legacy ?? ASSUMED.legacy, port: legacy.port, ...framing };
  const next = { host: flow.new?.host ?? hosts.new ?? ASSUMED.new, port: flow.new?.port ?? legacy.port, ...framing };
  return {
    port,
    ...(ackTimeoutMs === null ? {} : { ackTimeout: `${ackTimeoutMs}ms` }),
    ...framing,
    platforms: { legacy: platform, new: next },
  };
}

function connectionValues(
  flow: Flow,
  { name, feed, legs }: { name: string; feed: string | EntryValues | null; legs: { legacy: number; new: number } },
): EntryValues {
  const { destination, legAckTimeoutMs, pollsEveryMs } = flow;
  const framing = destination.framing === null ? {} : { framing: framingValue(destination.framing) };
  const patience = legAckTimeoutMs === null ? {} : { ackTimeout: `${legAckTimeoutMs}ms` };
  const isShared = typeof feed === 'string';
  const quietMs = Math.max(LEAST_QUIET_MS, POLLS_OF_QUIET * (pollsEveryMs ?? 0));
  return {
    name,
    direction: flow.direction.value,
    practice: flow.practice.value,
    wave: flow.wave ?? UNPLANNED,
    owners: { ...flow.owners },
    ...(feed === null ? { origin: 'platform' } : { feed }),
    legs: { legacy: { port: legs.legacy, ...patience, ...framing }, new: { port: legs.new, ...framing } },
    destination: { host: destination.host, port: destination.port, ...framing },
    ...(feed === null
      ? { settle: `${quietMs}ms` }
      : { outputs: flow.alwaysYields && !isShared ? 'one' : 'zero-or-one' }),
    ...(flow.effects === null ? {} : { effects: flow.effects.map((kind) => ({ kind })) }),
  };
}

function framingValue({ start, end }: { start: number; end: readonly [number, number] }): EntryValues {
  return { start, end: [...end] };
}

class Names {
  readonly #taken: Set<string>;
  readonly #known: ReadonlyMap<string, string>;
  constructor({ takenNames, knownNames }: ProposeOptions) {
    this.#taken = new Set(takenNames);
    this.#known = knownNames;
  }

  ofFlow(flow: Flow): string {
    return this.#name(flow.key, flow.name ?? `${flow.practice.value}-${flow.direction.value}`);
  }

  ofFeed(flow: FedFlow): string {
    return this.#name(flow.feedKey, `${slugOf(flow.feedLabel) || 'feed'}-feed`);
  }

  #name(key: string, wanted: string): string {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = freeName(slugOf(wanted) || 'connection', (candidate) => this.#taken.has(candidate));
    this.#taken.add(name);
    return name;
  }
}

class Ports {
  readonly #taken: Set<number>;
  constructor(taken: ReadonlySet<number>) {
    this.#taken = new Set(taken);
  }

  claim(wanted: number | null, first: number): number {
    let port = wanted !== null && !this.#taken.has(wanted) ? wanted : first;
    while (this.#taken.has(port)) port++;
    this.#taken.add(port);
    return port;
  }
}

function askAboutFeed(flow: Flow, name: string, { hosts }: ProposeOptions): Question[] {
  const { place } = flow;
  const questions: Question[] = [];
  const ask = (code: string, message: string, remedy: string): void =>
    void questions.push({ code, place, about: name, message, remedy });
  if (flow.legacy.host === null && hosts.legacy === undefined)
    ask(
      'legacy-host',
      `nothing says at which address legacy is reached: '${ASSUMED.legacy}' is assumed`,
      'correct feed.platforms.legacy.host, or import with --legacy-host HOST',
    );
  if (flow.new === null)
    ask(
      'new-address',
      `where the new platform will take it is not known: ${hosts.new ?? ASSUMED.new} and legacy's own port are assumed`,
      hosts.new === undefined
        ? 'correct feed.platforms.new, or import with --new-host HOST'
        : 'correct feed.platforms.new.port where it is another one',
    );
  if (flow.ackTimeoutMs === null)
    ask(
      'ack-timeout',
      'how long its source waits for an answer is not known: it counts as 5 s',
      'ask its owner, and write feed.ackTimeout',
    );
  return questions;
}

function askAboutFlow(flow: Flow, name: string): Question[] {
  const { place, direction, practice, effects, feedKey, pollsEveryMs } = flow;
  const questions: Question[] = [];
  const ask = (code: string, message: string, remedy: string): void =>
    void questions.push({ code, place, about: name, message, remedy });
  if (feedKey === null)
    ask(
      'without-feed',
      'its platform polls, so it has no feed: nothing is copied or compared, and it moves by stop, empty, start',
      pollsEveryMs === null
        ? 'read docs/how-to/flows-without-a-feed.md; write `settle`: longer than it takes between two polls'
        : 'read docs/how-to/flows-without-a-feed.md; `settle` is twice the time between two polls, 10 s at least',
    );
  if (!direction.isCertain)
    ask(
      'direction',
      `nothing says whether it carries orders or results: '${direction.value}' is assumed`,
      'correct `direction`',
    );
  if (!practice.isCertain)
    ask('practice', `nothing says whose it is: '${practice.value}' is assumed`, 'correct `practice`');
  if (effects === null)
    ask(
      'effects-unknown',
      'nothing says what else its channels do (mail, files, tables): the gate is red until somebody does',
      'look, and write `effects`: each with its handling, or [] where there are none',
    );
  else if (effects.length > 0)
    ask(
      'effects',
      `its channel does more than pass messages on: ${effects.join('; ')}`,
      'say under `effects` how each is handled: gated, fenced or harmless',
    );
  return questions;
}

function unpaired(flows: readonly Flow[], named: ReadonlyMap<string, string>): Question[] {
  return [...Map.groupBy(flows, ({ practice }) => practice.value)].flatMap(([practice, members]) => {
    const [first] = members;
    const directions = new Set(members.map(({ direction }) => direction.value));
    if (first === undefined || directions.size === 2) return [];
    const names = members.map(({ key }) => named.get(key)).join(', ');
    const [only] = directions;
    const message = `${practice} has ${only} only (${names})`;
    return [
      {
        code: 'unpaired',
        place: first.place,
        about: practice,
        message,
        remedy: 'right if it has no other; else give both the same `practice`',
      },
    ];
  });
}
