/** The gateway beside what else can stand in its place: rounds in which each has its turn, then both at one rate. */
import { type Bound, boundsOf, cpuRatio, type EqualRate, median, oneFeedShare, type Round, ratio } from './figures.ts';
import { measure, type Run, syncUs, type Timing } from './measure.ts';
import { Stage } from './stage.ts';
import type { Variant, VariantName } from './variants.ts';

export type ComparisonOptions = {
  readonly feeds: number;
  readonly names: readonly VariantName[];
  readonly folder: string;
  readonly timing: Timing;
  readonly rounds: number;
  readonly withThroughput: boolean;
  readonly withEqualRate: boolean;
  readonly told: (line: string) => void;
};
export type Compared = {
  readonly feeds: number;
  readonly syncUs: number;
  /** From the gateway's start to its ready line; null: it was not measured. */
  readonly readyMs: number | null;
  readonly rows: readonly Row[];
  readonly equalRate: EqualRate | null;
  readonly oneFeed: number | null;
  readonly bounds: readonly Bound[];
  readonly wrong: readonly string[];
};
type Row = Omit<Run, 'answered' | 'wrong'> & {
  readonly name: VariantName;
  readonly perHaproxy: number | null;
  readonly perRelay: number | null;
  readonly wrong: readonly string[];
};

/** Both are held against each other at this share of what the slower one reaches. */
const SHARE_OF_SLOWER = 0.7;
/** Of each feed in one run, far more than it takes. */
const NUMBERS = 10_000_000;

export async function compare(options: ComparisonOptions): Promise<Compared> {
  const { feeds, names, folder, withThroughput, withEqualRate } = options;
  const stage = await Stage.open(names, feeds, folder);
  try {
    const turns = new Turns(stage, options);
    const played = withThroughput ? await turns.rounds() : [];
    const equal = withEqualRate ? await equalRate(turns, played, options) : null;
    return {
      feeds,
      syncUs: median(played.map((round) => round.syncUs)),
      readyMs: turns.readyMs.length === 0 ? null : median(turns.readyMs),
      rows: played.length === 0 ? [] : names.map((name) => rowOf(name, played)),
      equalRate: equal,
      oneFeed: feeds === 1 ? oneFeedShare(played) : null,
      bounds: boundsOf(feeds, played, equal),
      wrong: [...turns.wrong],
    };
  } finally {
    await stage.close();
  }
}

class Turns {
  readonly readyMs: number[] = [];
  readonly wrong = new Set<string>();
  readonly #stage: Stage;
  readonly #options: ComparisonOptions;
  #from = 1;

  constructor(stage: Stage, options: ComparisonOptions) {
    this.#stage = stage;
    this.#options = options;
  }

  /** Each variant once a round, in another order each time. */
  async rounds(): Promise<Round[]> {
    const { rounds, names, folder } = this.#options;
    const played: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      const sync = await syncUs(folder);
      const order = names.map((_, turn) => names[(turn + round) % names.length]).filter((name) => name !== undefined);
      played.push({ syncUs: sync, runs: await this.round(order, null, `round ${round + 1}`) });
    }
    return played;
  }

  async round(order: readonly VariantName[], perSecond: number | null, title: string): Promise<Round['runs']> {
    const { feeds, told } = this.#options;
    const runs: Partial<Record<VariantName, Run>> = {};
    for (const name of order) {
      const run = await this.#stage.turn(name, (variant) => this.#run(variant, perSecond));
      runs[name] = run;
      const cpu = run.cpuUs === null ? '' : `, ${run.cpuUs.toFixed(1)} µs of CPU a message`;
      told(`${countOf(feeds)}, ${title}, ${name}: ${run.perSecond.toFixed(0)}/s${cpu} ${run.wrong.join(', ')}`);
      for (const problem of run.wrong) this.wrong.add(`${name}: ${problem}`);
    }
    return runs;
  }

  #run(variant: Variant, perSecond: number | null): Promise<Run> {
    if (variant.name === 'gateway' && variant.gateway !== null) this.readyMs.push(variant.gateway.readyMs);
    this.#from += NUMBERS;
    return measure(variant, { ...this.#options.timing, from: this.#from, perSecond });
  }
}

/** CPU a message where all do the same work: at 70 % of what the slower of HAProxy and the gateway reaches. */
async function equalRate(
  turns: Turns,
  played: readonly Round[],
  { names, rounds }: ComparisonOptions,
): Promise<EqualRate | null> {
  const pair = (['haproxy', 'gateway'] as const).filter((name) => names.includes(name));
  if (pair.length === 0) return null;
  const known = played.length > 0 ? played : [{ runs: await turns.round(pair, null, 'what they reach') }];
  const reached = pair.map((name) => median(known.flatMap(({ runs }) => runs[name]?.perSecond ?? [])));
  const perSecond = Math.max(1, Math.floor(Math.min(...reached) * SHARE_OF_SLOWER));
  const all = (['haproxy', 'relay', 'gateway'] as const).filter((name) => names.includes(name));
  const equal: { readonly runs: Round['runs'] }[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? all : all.toReversed();
    equal.push({ runs: await turns.round(order, perSecond, `round ${round + 1} at ${perSecond}/s`) });
  }
  const rows = all.map((name) => {
    const figure = (pick: (run: Run) => number): number =>
      median(equal.flatMap(({ runs }) => (runs[name] === undefined ? [] : [pick(runs[name])])));
    return {
      name,
      cpuUs: figure((run) => run.cpuUs ?? 0),
      p50Ms: figure((run) => run.p50Ms),
      p99Ms: figure((run) => run.p99Ms),
    };
  });
  return { perSecond, rows, cpuRatio: cpuRatio(equal) };
}

function rowOf(name: VariantName, played: readonly Round[]): Row {
  const runs = played.flatMap((round) => round.runs[name] ?? []);
  const figure = (pick: (run: Run) => number): number => median(runs.map(pick));
  return {
    name,
    perSecond: figure((run) => run.perSecond),
    perHaproxy: ratio(played, name, 'haproxy'),
    perRelay: ratio(played, name, 'relay'),
    p50Ms: figure((run) => run.p50Ms),
    p99Ms: figure((run) => run.p99Ms),
    cpuUs: figure((run) => run.cpuUs ?? 0),
    residentMb: figure((run) => run.residentMb ?? 0),
    wrong: [...new Set(runs.flatMap((run) => run.wrong))],
  };
}

const ASKED_ROUNDS = 7;

function countOf(feeds: number): string {
  return feeds === 1 ? 'one feed' : `${feeds} feeds`;
}

/** As a person reads it. */
export function comparisonLines(compared: Compared, rounds: number): string[] {
  const { feeds, rows, equalRate, bounds } = compared;
  const lines: string[] = [];
  if (rows.length > 0) {
    lines.push(
      `${countOf(feeds)}; fdatasync of 4 KiB ${compared.syncUs.toFixed(0)} µs (median of rounds)`,
      '                      msgs/s  × haproxy  × relay    p50 ms    p99 ms   cpu µs   MB',
      ...rows.map(textOf),
    );
  }
  if (compared.readyMs !== null) lines.push(`the gateway is ready ${compared.readyMs.toFixed(0)} ms after its start`);
  if (equalRate !== null) lines.push(...equalRateLines(feeds, equalRate));
  const few = rounds < ASKED_ROUNDS ? ` (of ${rounds} rounds; ${ASKED_ROUNDS} are asked for)` : '';
  for (const { what, reached, limit, wanted, holds } of bounds) {
    const verdict = holds ? 'holds' : 'NOT REACHED';
    lines.push(`${verdict}: ${countOf(feeds)}, ${what}: ${reached.toFixed(2)}, ${limit} ${wanted}${few}`);
  }
  return lines;
}

function textOf(row: Row): string {
  const ratioText = (value: number | null): string => value?.toFixed(2) ?? '';
  const cells = [
    row.perSecond.toFixed(0),
    ratioText(row.perHaproxy),
    ratioText(row.perRelay),
    row.p50Ms.toFixed(2),
    row.p99Ms.toFixed(2),
    (row.cpuUs ?? 0).toFixed(1),
    (row.residentMb ?? 0).toFixed(0),
  ];
  const widths = [8, 10, 8, 9, 9, 8, 4];
  const text = cells.map((cell, index) => cell.padStart(widths[index] ?? 8)).join(' ');
  return `${row.name.padEnd(18)} ${text}  ${row.wrong.join(', ') || 'ok'}`;
}

function equalRateLines(feeds: number, { perSecond, rows, cpuRatio }: EqualRate): string[] {
  const all = rows.map(
    ({ name, cpuUs, p50Ms, p99Ms }) =>
      `  ${name.padEnd(16)} ${cpuUs.toFixed(1)} µs of CPU a message, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
  );
  const compared =
    cpuRatio === null ? [] : [`  gateway ÷ haproxy: ${cpuRatio.toFixed(2)} of the CPU (median of rounds)`];
  return [`${countOf(feeds)}, all at ${perSecond}/s`, ...all, ...compared];
}
