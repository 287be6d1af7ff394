/**
 * `npm run bench:gateway [-- --feeds 1,16,250 --rounds 7 …]`: what the gateway costs, on this machine, beside what else can
 * stand in its place: throughput, latency and CPU a message with rounds interleaved and ratios taken within a round, the
 * pauses of swaps under load, recovery by size of the journal, memory. See bench/README.md.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readFlags, someOf, wholeNumber, wholeNumbers } from '../adapters/command-flags.ts';
import { idleFeeds, idleSockets, pauses, recovery } from './gateway/extras.ts';
import { measure, median, type Run, syncUs } from './gateway/measure.ts';
import { neighbours } from './gateway/neighbours.ts';
import { killEverything, stopEverything } from './gateway/processes.ts';
import { type SoakSample, soak } from './gateway/soak.ts';
import { isInstalled, startVariant, VARIANTS, type Variant, type VariantName } from './gateway/variants.ts';

type Round = { readonly syncUs: number; readonly runs: Readonly<Partial<Record<VariantName, Run>>> };

const SECTIONS = ['throughput', 'equal-rate', 'pauses', 'recovery', 'idle', 'neighbours', 'soak'] as const;
const USAGE =
  'npm run bench:gateway -- [--feeds 1,16,250] [--rounds N] [--seconds N] [--warm-up N] [--only VARIANTS] [--sections throughput,equal-rate,pauses,recovery,idle,neighbours,soak] [--recovery-mib N,N] [--idle N] [--messages N] [--json]';
const values = readFlags(
  USAGE,
  () =>
    parseArgs({
      options: {
        feeds: { type: 'string', default: '1,16,250' },
        rounds: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '4' },
        'warm-up': { type: 'string', default: '3' },
        only: { type: 'string', default: VARIANTS.join(',') },
        /** Of all sections; neighbours and soak only where they are named. */
        sections: { type: 'string', default: 'throughput,equal-rate,pauses,recovery,idle' },
        'recovery-mib': { type: 'string', default: '16,64' },
        idle: { type: 'string', default: '5000' },
        /** Of a soak: over the largest number of feeds. */
        messages: { type: 'string', default: '10000000' },
        json: { type: 'boolean', default: false },
      },
    }).values,
);
const feedCounts = wholeNumbers(USAGE, 'feeds', values.feeds);
const rounds = wholeNumber(USAGE, 'rounds', values.rounds);
const timing = {
  warmUpMs: wholeNumber(USAGE, 'warm-up', values['warm-up'], 0) * 1000,
  measureMs: wholeNumber(USAGE, 'seconds', values.seconds) * 1000,
};
const sections = someOf(USAGE, 'sections', values.sections, SECTIONS);
const names = someOf(USAGE, 'only', values.only, VARIANTS).filter(isInstalled);
const folder = await mkdtemp(join(tmpdir(), 'cutover-bench-'));
const document: Record<string, unknown> = { machine: machine(), variants: names };
const lines: string[] = [`${machine()}; ${rounds} rounds of ${values.seconds} s after ${values['warm-up']} s`];
let isWrong = false;

// At once and first: the embedded database's own hook ends the process in the same moment.
const interrupted = (exitCode: number): never => {
  killEverything();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(exitCode);
};
process.prependOnceListener('SIGINT', () => interrupted(130));
process.prependOnceListener('SIGTERM', () => interrupted(143));

try {
  for (const feeds of feedCounts) await compare(feeds);
  const most = Math.max(...feedCounts);
  if (sections.includes('pauses')) note('pauses', await pauses(most, join(folder, 'pauses'), timing));
  if (sections.includes('recovery')) {
    for (const mib of wholeNumbers(USAGE, 'recovery-mib', values['recovery-mib'])) {
      note(`recovery of ${mib} MiB`, await recovery(mib, join(folder, `recovery-${mib}`)));
    }
  }
  if (sections.includes('idle')) {
    note('idle', await idleSockets(wholeNumber(USAGE, 'idle', values.idle), join(folder, 'idle')));
    note('idle feeds', await idleFeeds(wholeNumber(USAGE, 'idle', values.idle), join(folder, 'idle-feeds')));
  }
  if (sections.includes('neighbours')) {
    note('neighbours', await neighbours(most, join(folder, 'neighbours'), timing, rounds, progress));
  }
  if (sections.includes('soak')) {
    const told = (sample: SoakSample): void => progress(JSON.stringify(sample));
    note('soak', await soak(wholeNumber(USAGE, 'messages', values.messages), most, join(folder, 'soak'), told));
  }
} finally {
  await stopEverything();
  await rm(folder, { recursive: true, force: true });
}
process.stdout.write(values.json ? `${JSON.stringify(document)}\n` : `${lines.join('\n')}\n`);
// An embedded database's own hook would end it with 0.
if (isWrong || sections.includes('neighbours')) process.exit(isWrong ? 1 : 0);

async function compare(feeds: number): Promise<void> {
  const played: Round[] = [];
  const running = new Map<VariantName, Variant>();
  try {
    for (const name of names) running.set(name, await startVariant(name, feeds, join(folder, `${name}-${feeds}`)));
    let from = 1;
    const next = (): number => {
      from += 10_000_000;
      return from;
    };
    for (let round = 0; round < rounds && sections.includes('throughput'); round++) {
      const runs: Partial<Record<VariantName, Run>> = {};
      const sync = await syncUs(folder);
      for (let turn = 0; turn < names.length; turn++) {
        const name = names[(turn + round) % names.length];
        const variant = name === undefined ? undefined : running.get(name);
        if (name === undefined || variant === undefined) continue;
        const run = await measure(variant, { ...timing, from: next(), perSecond: null });
        progress(`${feeds} feeds, round ${round + 1}: ${name} ${run.perSecond.toFixed(0)}/s ${run.wrong.join(', ')}`);
        runs[name] = run;
      }
      played.push({ syncUs: sync, runs });
    }
    if (played.length > 0) report(feeds, played);
    if (sections.includes('equal-rate')) await equalRate(feeds, running, played, next);
  } finally {
    for (const variant of running.values()) await variant.stop();
  }
}

/** CPU a message where both do the same work: at 70 % of what the slower one reached. */
async function equalRate(
  feeds: number,
  running: ReadonlyMap<VariantName, Variant>,
  played: readonly Round[],
  next: () => number,
): Promise<void> {
  const pair = (['haproxy', 'relay', 'gateway'] as const).filter((name) => running.has(name));
  const reached = pair.map((name) => median(played.flatMap(({ runs }) => runs[name]?.perSecond ?? [])));
  const perSecond = Math.floor(Math.min(...reached) * 0.7);
  if (!Number.isFinite(perSecond) || perSecond < 1) return;
  const figures: string[] = [];
  const costs: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const name of pair) {
      const variant = running.get(name);
      if (variant === undefined) continue;
      const run = await measure(variant, { ...timing, from: next(), perSecond });
      costs[name] = [...(costs[name] ?? []), run.cpuUs ?? 0];
      progress(`${feeds} feeds at ${perSecond}/s: ${name} ${run.cpuUs?.toFixed(1)} µs, p99 ${run.latenciesUs.p99} µs`);
      if (round === rounds - 1) figures.push(`${name} p50 ${run.latenciesUs.p50} µs p99 ${run.latenciesUs.p99} µs`);
    }
  }
  const cost = (name: string): number => median(costs[name] ?? []);
  const listed = pair.map((name) => `${name} ${cost(name).toFixed(1)} µs`).join(', ');
  const ratio = cost('haproxy') > 0 ? `; gateway ÷ haproxy ${(cost('gateway') / cost('haproxy')).toFixed(2)}` : '';
  note(`${feeds} feeds at ${perSecond}/s`, { cpu: `${listed}${ratio}`, latency: figures.join(', ') });
}

function report(feeds: number, played: readonly Round[]): void {
  const sync = median(played.map((round) => round.syncUs));
  lines.push('', `${feeds} feeds; fdatasync of 4 KiB ${sync.toFixed(0)} µs (median of rounds)`);
  lines.push('                      msgs/s  × haproxy  × relay    p50 µs    p99 µs   cpu µs   MB');
  const rows = names.map((name) => {
    const runs = played.flatMap(({ runs }) => runs[name] ?? []);
    const figure = (pick: (run: Run) => number): number => median(runs.map(pick));
    const wrong = [...new Set(runs.flatMap((run) => run.wrong))];
    if (wrong.length > 0) isWrong = true;
    return {
      name,
      perSecond: figure((run) => run.perSecond),
      perHaproxy: ratioTo(played, name, 'haproxy'),
      perRelay: ratioTo(played, name, 'relay'),
      p50Us: figure((run) => run.latenciesUs.p50),
      p99Us: figure((run) => run.latenciesUs.p99),
      cpuUs: figure((run) => run.cpuUs ?? 0),
      residentMb: figure((run) => run.residentMb ?? 0),
      wrong,
    };
  });
  for (const row of rows) {
    const cells = [row.perSecond.toFixed(0), row.perHaproxy, row.perRelay, row.p50Us, row.p99Us, row.cpuUs.toFixed(1)];
    const widths = [8, 10, 8, 9, 9, 8];
    const text = cells.map((cell, index) => String(cell).padStart(widths[index] ?? 8)).join(' ');
    lines.push(
      `${row.name.padEnd(18)} ${text} ${row.residentMb.toFixed(0).padStart(4)}  ${row.wrong.join(', ') || 'ok'}`,
    );
  }
  const single = feeds === 1 ? oneFeed(played) : null;
  if (single !== null) lines.push(`one feed: ${single.toFixed(2)} of 1 / (t_sync + t_relay ÷ 2)`);
  document[`${feeds} feeds`] = { syncUs: sync, rows, oneFeed: single };
}

/** A message at one feed must wait for a sync and for both ways: what is reached of that bound, median over rounds. */
function oneFeed(played: readonly Round[]): number | null {
  const shares = played.flatMap(({ syncUs: sync, runs }) => {
    const relay = runs.relay?.perSecond;
    const own = runs.gateway?.perSecond;
    return relay === undefined || own === undefined ? [] : [own * (sync / 1e6 + 1 / relay / 2)];
  });
  return shares.length === 0 ? null : median(shares);
}

function ratioTo(played: readonly Round[], name: VariantName, to: VariantName): string {
  const ratios = played.flatMap(({ runs }) => {
    const own = runs[name]?.perSecond;
    const other = runs[to]?.perSecond;
    return own === undefined || other === undefined ? [] : [own / other];
  });
  return ratios.length === 0 ? '' : median(ratios).toFixed(2);
}

function note(title: string, figures: object): void {
  lines.push('', title, ...Object.entries(figures).map(([key, value]) => `  ${key}: ${String(value)}`));
  document[title] = figures;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
}
