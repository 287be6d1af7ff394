/**
 * For tests: connections, a journal told as a story, and what the worker does with it over a real PostgreSQL: everything of
 * `cutover worker` but its election and its clock.
 */
import { SyntheticJournal } from '../adapters/journal-harness.ts';
import { ProofStore } from '../adapters/proof-store.ts';
import { ProofWriter } from '../adapters/proof-writer.ts';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { analysisOf } from './analysis-of.ts';
import { estateOf } from './estate.ts';
import { JournalFollower } from './journal-follower.ts';
import { BEGIN_MS, Story } from './story.ts';

export const GRACE_MS = 30_000;
const DAY_MS = 86_400_000;
export const EVER = { sinceMs: 0, untilMs: BEGIN_MS + 100 * DAY_MS };

export type Lab = {
  readonly deployment: string;
  readonly inventory: Inventory;
  readonly story: Story;
  readonly store: ProofStore;
  /** Ships and takes everything; `laterMs`: so much time has passed since. */
  take(laterMs?: number): Promise<void>;
  /** Ships, and takes nothing. */
  ship(told: () => unknown): Promise<void>;
  /** The worker says that it lives. */
  heartbeat(): Promise<void>;
  /** It looks whether the project's rules have changed. */
  reread(): Promise<unknown>;
  /** All that rests on former rules. */
  recompare(): Promise<void>;
  /** As if it had been killed; with these connections in its inventory from then on. */
  restart(changed?: readonly object[]): Promise<void>;
  /** Obligations by class, of all connections together. */
  counts(): Promise<Record<string, number>>;
  /** What the comparison has counted and is not 0, of all connections together. */
  pairs(): Promise<Record<string, number>>;
  close(): Promise<void>;
};

export type LabOptions = {
  readonly url: string;
  readonly deployment: string;
  /** As the inventory has them, each over those of `connectionNamed`. */
  readonly connections?: readonly object[];
  readonly feeds?: readonly object[];
  /** With `stacks/rules` and `stacks/contracts`; default: there are none. */
  readonly project?: string;
};

export async function openLab({ url, deployment, connections, feeds, project = '/nowhere' }: LabOptions): Promise<Lab> {
  const inventory = inventoryOf(deployment, connections ?? [connectionNamed('north-orders')], feeds);
  const journal = await SyntheticJournal.open(url, deployment, `i-${deployment}`);
  const story = new Story(journal);
  const store = await ProofStore.open(deployment, { url });
  const open = async (served: Inventory) => {
    const analysis = await analysisOf(project, served, Date.now);
    if (!analysis.ok) throw new Error(JSON.stringify(analysis.problems));
    const writer = await ProofWriter.open({ deployment, id: 'w', host: 'h', version: '0' }, { url });
    const estate = estateOf(served);
    const [ref] = await writer.journals();
    if (ref === undefined) throw new Error('the journal is registered');
    const options = { writer, estate, analysis: analysis.value, graceMs: GRACE_MS };
    return { writer, analysis, follower: await JournalFollower.open(options, ref) };
  };
  let running = await open(inventory);
  return {
    deployment,
    inventory,
    story,
    store,
    take: async (laterMs = 0) => {
      await journal.ship();
      const now = story.nowMs + laterMs;
      while ((await running.follower.advance(journal.last, now, true)) > 0);
    },
    ship: async (told) => {
      told();
      await journal.ship();
    },
    heartbeat: () => running.writer.heartbeat(Date.now(), running.analysis.value.basis()),
    reread: () => running.analysis.reread(),
    recompare: async () => {
      while (await running.follower.recompare());
    },
    restart: async (changed) => {
      await running.writer.close();
      running = await open(changed === undefined ? inventory : inventoryOf(deployment, changed, feeds));
    },
    counts: async () => Object.fromEntries((await store.readObligations(EVER)).map((row) => [row.class, row.count])),
    pairs: async () => {
      const sums: Record<string, number> = {};
      for (const day of await store.readComparison()) {
        for (const [name, value] of Object.entries(day)) {
          if (typeof value === 'number' && value !== 0 && !/epoch|AtMs/.test(name))
            sums[name] = (sums[name] ?? 0) + value;
        }
      }
      return sums;
    },
    close: async () => {
      await running.writer.close();
      await store.close();
      await journal.close();
    },
  };
}

/** `place`: of its ports among those of other connections. */
export function connectionNamed(name: string, over: object = {}, place = 0): object {
  const peer = (port: number) => ({ host: 'h', port });
  return {
    name,
    direction: name.endsWith('-results') ? 'results' : 'orders',
    practice: 'north',
    wave: 'pilot',
    feed: { port: 10_000 + place, platforms: { legacy: peer(1), new: peer(2) } },
    legs: { legacy: { port: 20_000 + place }, new: { port: 30_000 + place } },
    destination: peer(3),
    ...over,
  };
}

export function inventoryOf(
  deployment: string,
  connections: readonly object[],
  feeds: readonly object[] = [],
): Inventory {
  const gateways = [{ shard: 0, admin: 'https://h:1' }];
  const parsed = parseInventory(JSON.stringify({ deployment, gateways, feeds, connections }), 'inventory');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}
