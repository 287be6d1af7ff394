/**
 * What the primary path feels of its neighbours. In one running gateway, in `parallel` and shipping to a database, senders
 * keep one rate, far from what it could do, while short slices with all neighbours well and with one of them ill follow
 * each other (A B B A, again and again): see interference.ts. Once with the journal on this disk, once in memory, where
 * nothing but the gateway's own work and the processors can make a difference.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestPostgres } from '../../adapters/postgres-harness.ts';
import { DelayingProxy } from './delaying-proxy.ts';
import { type Change, changeOf, type Estimate, judgementOf, type Pair } from './interference.ts';
import { Latencies } from './latencies.ts';
import { Load } from './load.ts';
import { counted, measure, type Timing } from './measure.ts';
import { Helper } from './processes.ts';
import { CONTROL, type Trouble, troubles, whatIsBehind } from './troubles.ts';
import { type Neighbourhood, startNeighbourhood } from './variants.ts';

export type NeighbourOptions = {
  readonly feeds: number;
  readonly folder: string;
  readonly timing: Timing;
  /** Of A B B A for each neighbour. */
  readonly rounds: number;
  readonly sliceMs: number;
  /** How long it has been ill when its first slice begins. */
  readonly illMs: number;
  /** In the names of those that have their turn; empty: all. */
  readonly ill: string;
  readonly told: (line: string) => void;
};
export type NeighbourTable = {
  readonly title: string;
  readonly perSecond: number;
  readonly rows: readonly Row[];
  readonly wrong: readonly string[];
};
type Row = Change & {
  readonly name: string;
  readonly pairs: number;
  readonly judgement: ReturnType<typeof judgementOf>;
  /** p99 from its end until all is well again. */
  readonly catchingUpMs: number;
};
type Played = { readonly pairs: Pair[]; readonly catchingUp: Latencies[] };

const SHARE_OF_REACHED = 0.2;
/** Where shipping does not keep up with that rate, a lower one is taken, so often at most. */
const LESS = 0.7;
const RATES = 4;
const KEEPS_UP_WITHIN_MS = 30_000;
const SETTLED_MS = 1000;
/** Between the two slices in which it is ill. */
const GAP_MS = 300;
const MEMORY = '/dev/shm';
const MEMORY_NEEDED_BYTES = 4 * 2 ** 30;

export async function neighbours(options: NeighbourOptions): Promise<NeighbourTable[]> {
  const tables = [await withJournalIn(options.folder, 'journal on this disk', options)];
  const memory = await memoryFolder();
  if (memory === null)
    options.told(`not with the journal in memory: ${MEMORY} is not there, or has less than 4 GiB free`);
  else {
    const removed = (): void => rmSync(memory, { recursive: true, force: true, maxRetries: 5 });
    process.once('exit', removed);
    try {
      tables.push(await withJournalIn(memory, 'journal in memory', options));
    } finally {
      await rm(memory, { recursive: true, force: true });
      process.off('exit', removed);
    }
  }
  return tables;
}

async function memoryFolder(): Promise<string | null> {
  const room = await statfs(MEMORY).catch(() => null);
  if (room === null || room.bavail * room.bsize < MEMORY_NEEDED_BYTES) return null;
  return mkdtemp(join(MEMORY, 'cutover-bench-'));
}

async function withJournalIn(folder: string, title: string, options: NeighbourOptions): Promise<NeighbourTable> {
  const database = await startPostgres('elsewhere');
  const proxy = await DelayingProxy.start(Number(new URL(database.url).port));
  const url = new URL(database.url);
  url.port = String(proxy.port);
  const scraper = new Helper('./scraper.ts');
  let site: Neighbourhood | null = null;
  try {
    site = await startNeighbourhood(options.feeds, folder, { databaseUrl: url.href });
    return { title, ...(await compared(site, { database, proxy, scraper }, title, options)) };
  } finally {
    await site?.stop();
    await scraper.stop();
    proxy.stop();
    await database.remove();
  }
}

type Around = { readonly database: TestPostgres; readonly proxy: DelayingProxy; readonly scraper: Helper };

async function compared(
  site: Neighbourhood,
  { database, proxy, scraper }: Around,
  title: string,
  options: NeighbourOptions,
): Promise<Omit<NeighbourTable, 'title'>> {
  const { timing, told, rounds } = options;
  const reached = await measure(site, { ...timing, from: 1, perSecond: null });
  const { load, perSecond } = await steadyLoad(site, reached.perSecond, told);
  try {
    const all = Object.entries(troubles(site, database, proxy, scraper)).filter(
      ([name]) => name === CONTROL || name.includes(options.ill),
    );
    const played = new Map<string, Played>(all.map(([name]) => [name, { pairs: [], catchingUp: [] }]));
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < all.length; turn++) {
        const [name, begin] = all[(turn + round) % all.length] ?? [];
        const into = name === undefined ? undefined : played.get(name);
        if (begin === undefined || into === undefined) continue;
        const behind = await abba(site, load, begin, into, options);
        told(`${title}, round ${round + 1}, ${name}: ${behind === null ? lastOf(into.pairs) : `left out, ${behind}`}`);
      }
    }
    const { wrong } = await counted(site, load);
    const rows = all.map(([name]) => rowOf(name, played.get(name) ?? { pairs: [], catchingUp: [] }));
    return { perSecond, rows, wrong: [...reached.wrong, ...wrong] };
  } finally {
    await load.abandon();
  }
}

/** At a rate that shipping keeps up with. */
async function steadyLoad(
  site: Neighbourhood,
  reached: number,
  told: (line: string) => void,
): Promise<{ readonly load: Load; readonly perSecond: number }> {
  let perSecond = Math.max(1, Math.floor(reached * SHARE_OF_REACHED));
  await untilWell(site);
  for (let rate = 1; ; rate++) {
    const load = await Load.start({ ports: site.ports, from: rate * 100_000_000, perSecond });
    await sleep(KEEPS_UP_WITHIN_MS / 3);
    if ((await whatIsBehind(site, KEEPS_UP_WITHIN_MS)) === null) return { load, perSecond };
    if (rate === RATES) throw new Error(`${perSecond} messages/s are more than the database here keeps up with`);
    told(`at ${perSecond} messages/s the database falls behind: ${Math.floor(perSecond * LESS)} are tried`);
    const { wrong } = await counted(site, load);
    if (wrong.length > 0) throw new Error(`before anything was ill: ${wrong.join(', ')}`);
    perSecond = Math.floor(perSecond * LESS);
    await untilWell(site);
  }
}

/** Null where it was played; else why not all was well beforehand. */
async function abba(
  site: Neighbourhood,
  load: Load,
  begin: Trouble,
  into: Played,
  { sliceMs, illMs }: NeighbourOptions,
): Promise<string | null> {
  const behind = await whatIsBehind(site);
  if (behind !== null) return behind;
  await sleep(SETTLED_MS);
  const before = await load.feel(sliceMs);
  const end = await begin();
  await sleep(illMs);
  const first = await load.feel(sliceMs);
  await sleep(GAP_MS);
  const second = await load.feel(sliceMs);
  let notCaughtUp: string | null = null;
  const after = await load.during(async () => {
    await end();
    notCaughtUp = await whatIsBehind(site);
  }, false);
  if (notCaughtUp !== null) return notCaughtUp;
  await sleep(SETTLED_MS);
  const again = await load.feel(sliceMs);
  into.pairs.push({ well: before.latencies, ill: first.latencies }, { well: again.latencies, ill: second.latencies });
  into.catchingUp.push(after.latencies);
  return null;
}

async function untilWell(site: Neighbourhood): Promise<void> {
  const behind = await whatIsBehind(site);
  if (behind !== null) throw new Error(`without anything that was ill, ${behind}`);
}

function rowOf(name: string, { pairs, catchingUp }: Played): Row {
  const change = changeOf(pairs);
  return {
    name,
    pairs: pairs.length,
    ...change,
    judgement: judgementOf(change),
    catchingUpMs: Latencies.sum(catchingUp).at(0.99),
  };
}

function lastOf(pairs: readonly Pair[]): string {
  return pairs
    .slice(-2)
    .map(({ well, ill }) => `p99 ${well.at(0.99).toFixed(1)} ms well, ${ill.at(0.99).toFixed(1)} ms ill`)
    .join('; ');
}

/** As a person reads it. */
export function linesOf({ title, perSecond, rows, wrong }: NeighbourTable): string[] {
  const percent = (share: number): string => `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(0)} %`;
  const width = Math.max(...rows.map(({ name }) => name.length));
  return [
    `neighbours, ${title}, ${perSecond} messages/s: p99 of an answer, all well and with one of them ill`,
    ...rows.map((row) => {
      const { name, wellMs, illMs, typical, judgement, catchingUpMs, pairs } = row;
      const said = ({ change, from, to }: Estimate): string =>
        `${percent(change)} (95 %: ${percent(from)} to ${percent(to)})`;
      const verdict = name === CONTROL ? 'what noise is here' : `less than a tenth: ${judgement}`;
      const after = name === CONTROL ? '' : `; while it catches up ${catchingUpMs.toFixed(1)} ms`;
      const both = `changed by ${said(row)}; in the median of ${pairs} pairs by ${said(typical)}`;
      return `  ${name.padEnd(width)}  ${wellMs.toFixed(1)} → ${illMs.toFixed(1)} ms, ${both}; ${verdict}${after}`;
    }),
    `  counted: ${wrong.join(', ') || 'ok'}`,
  ];
}
