/**
 * What senders in a closed loop feel of a swap of every connection at once, with a message in flight on every feed and
 * copies that the other platform is behind with when the command comes; by both methods of change-over, there and back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChangeOverMethod } from '../../core/platform.ts';
import { SETTLE_MS } from './gateway-process.ts';
import { Latencies } from './latencies.ts';
import { type Felt, Load } from './load.ts';
import { counted, type Timing } from './measure.ts';
import { type Move, type Moved, moveAll } from './moves.ts';
import type { Receiver } from './receivers.ts';
import { type Neighbourhood, startNeighbourhood } from './variants.ts';

export type PauseOptions = {
  readonly feeds: number;
  readonly folder: string;
  readonly timing: Timing;
  /** Of a switch and the way back. */
  readonly rounds: number;
  readonly method: ChangeOverMethod;
  /** What the platforms take for an answer. */
  readonly answerMs: number;
  readonly told: (line: string) => void;
};
type Swap = {
  readonly verb: 'switch' | 'rollback';
  readonly waiting: number;
  readonly shadowLag: number;
  readonly before: Felt;
  readonly around: Felt;
  readonly moved: Moved;
};
export type PauseReport = {
  readonly method: ChangeOverMethod;
  readonly answerMs: number;
  readonly swaps: readonly Swap[];
  readonly wrong: readonly string[];
};
type Judged = { readonly what: string; readonly holds: boolean };

const REASON = 'the way back is measured';
/**
 * Just before the command the other platform takes twice as long for one copy of each feed, so that another one waits behind
 * it. More than that it could never catch up with: a closed loop leaves no gaps.
 */
const STALL_AT_LEAST_MS = 20;
const BEFORE_MS = 1000;
/** After the last swap: what is sent to the new owner first has its answer. */
const AFTER_MS = 200;
const READY_LIMIT_MS = 60_000;
const LOOK_MS = 100;
const SLACK_MS = 20;
const TOGETHER_LIMIT_MS = 1000;
/** The shortest patience known of a sender (Mirth Connect's TCP Sender). */
const PATIENCE_MS = 5000;

export async function pauses(options: PauseOptions): Promise<PauseReport> {
  const { feeds, folder, timing, rounds, method, answerMs, told } = options;
  const site = await startNeighbourhood(feeds, folder, { changeOver: method });
  const load = await Load.start({ ports: site.ports, from: 1, perSecond: null });
  try {
    const { legacy, candidate } = site;
    for (const platform of [legacy, candidate]) await platform.takes(answerMs);
    await sleep(timing.warmUpMs);
    const swaps: Swap[] = [];
    for (let round = 0, epoch = 2; round < rounds; round++, epoch += 2) {
      const there: Move = { phase: 'switched', expectedEpoch: epoch };
      const back: Move = { phase: 'parallel', expectedEpoch: epoch + 1, reason: REASON };
      swaps.push(await swap(site, load, { verb: 'switch', move: there, behind: candidate }, options));
      swaps.push(await swap(site, load, { verb: 'rollback', move: back, behind: legacy }, options));
      for (const one of swaps.slice(-2)) told(`${method}, ${one.verb}: ${spread(one.around.longestMs)} ms`);
    }
    const { wrong } = await counted(site, load);
    return { method, answerMs, swaps, wrong };
  } finally {
    await load.abandon();
    await site.stop();
  }
}

type Step = { readonly verb: Swap['verb']; readonly move: Move; readonly behind: Receiver };

async function swap(site: Neighbourhood, load: Load, step: Step, { feeds, answerMs }: PauseOptions): Promise<Swap> {
  await untilReady(site);
  const before = await load.feel(BEFORE_MS);
  const stallMs = Math.max(STALL_AT_LEAST_MS, answerMs);
  await step.behind.takes(answerMs + stallMs);
  await sleep(stallMs);
  await step.behind.takes(answerMs);
  const shadowLag = await lagOf(site);
  let moved: Moved = { wallMs: 0, slowestMs: 0, refused: [] };
  const around = await load.during(async () => {
    moved = await moveAll(site.gateway, feeds, step.move);
    await sleep(AFTER_MS + 2 * answerMs);
  }, true);
  return { verb: step.verb, waiting: around.waiting, shadowLag, before, around, moved };
}

/** Every connection is steady, and its outputs have been told apart by their key (which `at-offset` needs). */
async function untilReady({ gateway }: Neighbourhood): Promise<void> {
  const until = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const statuses = await gateway.admin.connections();
    if (!statuses.ok) throw new Error(statuses.error.message);
    const open = statuses.value.find(({ state, correlation }) => state !== 'steady' || correlation?.grade !== 'exact');
    if (open === undefined) return;
    if (performance.now() > until) {
      throw new Error(`${open.name} is ${open.state}, and its correlation is ${open.correlation?.grade}`);
    }
    await sleep(LOOK_MS);
  }
}

async function lagOf({ gateway }: Neighbourhood): Promise<number> {
  const statuses = await gateway.admin.connections();
  if (!statuses.ok) throw new Error(statuses.error.message);
  return statuses.value.reduce((sum, { shadowLag }) => sum + shadowLag, 0);
}

/** For whoever reads it as data. */
export function pauseFigures(report: PauseReport, feeds: number): object {
  const { method, answerMs, swaps, wrong } = report;
  const rows = swaps.map(({ verb, waiting, shadowLag, before, around, moved }) => ({
    verb,
    waiting,
    shadowLag,
    answerMs: before.latencies.at(0.5),
    pauseMs: {
      p50: quantile(around.longestMs, 0.5),
      p99: quantile(around.longestMs, 0.99),
      max: quantile(around.longestMs, 1),
    },
    ...moved,
  }));
  return { method, answerMs, swaps: rows, judged: judged(report, feeds), wrong };
}

/** The acceptance, line by line. A message's own answer takes its time with and without a swap: the pause is what comes on top. */
function judged({ method, swaps, wrong }: PauseReport, feeds: number): Judged[] {
  const answer = Latencies.sum(swaps.map(({ before }) => before.latencies)).at(0.5);
  const settle = method === 'quiesce' ? SETTLE_MS : 0;
  const boundMs = answer + settle + SLACK_MS;
  const sum = `one answer ${answer.toFixed(0)}${settle > 0 ? ` + settle ${settle}` : ''} + ${SLACK_MS}`;
  const longest = swaps.flatMap(({ around }) => around.longestMs);
  const p99 = quantile(longest, 0.99) - answer;
  const wallMs = Math.max(...swaps.map(({ moved }) => moved.wallMs));
  const most = Math.max(...longest);
  const refused = swaps.flatMap(({ moved }) => moved.refused);
  return [
    {
      what: `pause (what is waited beside one’s own answer) p99 ${p99.toFixed(0)} ms ≤ ${boundMs.toFixed(0)} ms (${sum})`,
      holds: p99 <= boundMs,
    },
    {
      what: `${feeds} swaps at once, the last after ${wallMs.toFixed(0)} ms, < ${TOGETHER_LIMIT_MS} ms`,
      holds: wallMs < TOGETHER_LIMIT_MS,
    },
    {
      what: `no sender times out or retries: the longest waited ${most.toFixed(0)} ms, patience is ${PATIENCE_MS} ms or more; ${wrong.join(', ') || 'each message answered and delivered once, in order'}`,
      holds: most < PATIENCE_MS && wrong.length === 0,
    },
    {
      what: `${refused.length} swaps refused or aborted${refused[0] === undefined ? '' : ` (${refused[0]})`}`,
      holds: refused.length === 0,
    },
  ];
}

/** As a person reads it. */
export function pauseLines(report: PauseReport, feeds: number): string[] {
  const { method, answerMs, swaps } = report;
  const of = (pick: (swap: Swap) => number): string => {
    const values = swaps.map(pick);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return least === most ? String(least) : `${least} to ${most}`;
  };
  const before = Latencies.sum(swaps.map((one) => one.before.latencies));
  const ofVerb = (verb: Swap['verb']): string =>
    spread(swaps.filter((one) => one.verb === verb).flatMap(({ around }) => around.longestMs));
  return [
    `pauses, ${method}, platforms answer after ${answerMs} ms: ${swaps.length} times all ${feeds} at once, a closed loop`,
    `  when the command comes: ${of(({ waiting }) => waiting)} senders wait for an answer, ${of(({ shadowLag }) => shadowLag)} copies for the other platform`,
    `  an answer without a swap, p50 / p99 ms: ${before.at(0.5).toFixed(0)} / ${before.at(0.99).toFixed(0)}`,
    `  longest wait of a sender within ${BEFORE_MS} ms without a swap, p50 / p99 / max ms: ${spread(swaps.flatMap((one) => one.before.longestMs))}`,
    `  longest wait of a sender around its switch, p50 / p99 / max ms: ${ofVerb('switch')}`,
    `  around its rollback: ${ofVerb('rollback')}`,
    ...judged(report, feeds).map(({ what, holds }) => `  ${holds ? 'holds' : 'NOT REACHED'}: ${what}`),
  ];
}

function spread(values: readonly number[]): string {
  return [0.5, 0.99, 1].map((share) => quantile(values, share).toFixed(0)).join(' / ');
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
