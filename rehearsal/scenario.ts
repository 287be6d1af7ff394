/** The cut-over as it is rehearsed: the same verbs that an operator types, under load, and an independent count at the end. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionStatus } from '../core/admin-api.ts';
import { percentile } from '../core/percentile.ts';
import type { Phase } from '../core/platform.ts';
import { countEnds } from './counting.ts';
import { decideWhatCameUp } from './faults/decide.ts';
import type { Director, Fault, Swapped } from './faults/fault.ts';
import { FAULTS } from './faults/index.ts';
import type { FaultName } from './faults/names.ts';
import { Flows } from './flows.ts';
import type { Traffic } from './load.ts';
import { RATE_PER_CONNECTION } from './options.ts';
import { type Finished, runToEnd } from './product.ts';
import { STACK } from './project.ts';
import { type Asking, compareUntil, reconcileUntil } from './proof.ts';
import {
  type Compared,
  NOTHING_PLAYED,
  type Played,
  type Reconciled,
  type RehearsalResult,
  type Swap,
  type Trouble,
} from './result.ts';
import { reachedPerSecond, Sampler } from './samples.ts';
import type { Around, Stage } from './stage.ts';
import { abortedIn, complaintsOf, statusComplaintsOf } from './verb-complaints.ts';
import { VERB_STEPS, type VerbStep } from './verb-steps.ts';

const CLI = 'scripts/cutover.ts';
/** Messages of each connection before the next verb. */
const MESSAGES_BETWEEN_STEPS = 4;
const FLOW_LIMIT_MS = 60_000;
const CATCH_UP_LIMIT_MS = 60_000;
const CATCH_UP_AT_MOST_MS = 600_000;
const POLL_MS = 500;
const STATUS_ATTEMPTS = 3;
const MOST_ATTEMPTS = 3;
/** The longest wait of a sender, times the next one. */
const STANDS_OUT = 1.5;

/** What a comparison has to show of a fault; null beside the others: nothing of it shows there. */
const FOUND_BY_COMPARISON: Readonly<Partial<Record<FaultName, (compared: Compared) => boolean>>> = {
  drift: ({ differing, red }) => differing > 0 && red > 0,
  drop: ({ missing, red }) => missing > 0 && red > 0,
  duplicate: ({ extra, red }) => extra > 0 && red > 0,
};

export class Scenario implements Director {
  readonly stage: Stage;
  readonly around: Around;
  readonly #steps: RehearsalResult['steps'] = [];
  readonly #swaps: Swap[] = [];
  readonly #reasons: string[] = [];
  #ratePerSecond: number;
  readonly #askedPerSecond: number;
  readonly #sampler = new Sampler();
  readonly #trouble: Trouble | null;
  /** Names of the connections without a feed. */
  readonly #unfed: ReadonlySet<string>;
  readonly #flows: Flows;
  #origin = performance.now();
  #ownerChanged = false;
  #compared: Compared | null = null;
  #reconciled: Reconciled | null = null;

  constructor(stage: Stage, around: Around) {
    this.stage = stage;
    this.around = around;
    const { faults, ratePerSecond } = around.options;
    // The size of the user's own inventory is known only now.
    this.#ratePerSecond = Math.min(ratePerSecond, stage.estate.connections.length * RATE_PER_CONNECTION);
    this.#askedPerSecond = this.#ratePerSecond;
    const { connections } = stage.estate;
    this.#unfed = new Set(connections.filter(({ hasFeed }) => !hasFeed).map(({ name }) => name));
    this.#flows = new Flows([...this.#unfed], stage.load, (step, argv) => this.verb(step, argv));
    this.#trouble = faults.length === 0 ? null : { fault: faults.join(','), injected: [], seen: [] };
  }

  async play(): Promise<Played> {
    const { progress } = this.around;
    this.#origin = performance.now();
    try {
      await this.timed('first messages', async () => {
        await this.stage.load.start(this.#ratePerSecond);
        await this.#flows.start();
        this.#sampler.start(this.stage.load, this.#origin, (traffic, perSecond) =>
          progress.traffic(trafficText(traffic, perSecond)),
        );
        await this.flow('in legacy');
      });
      await this.#night();
      const counted = await this.timed('drain and count', () => countEnds(this.stage, this.around));
      this.#reasons.push(...counted.reasons);
      if (this.#ownerChanged && counted.messages.fromNew === 0)
        this.#reasons.push('after the switch nothing of the new platform arrived');
      await this.#reconcile();
      const { sent, delivered, lost } = counted.messages;
      progress.line(`counted: ${sent} sent, ${delivered} delivered, ${lost} lost`);
      return { ...this.soFar(), messages: counted.messages, directions: counted.directions };
    } finally {
      await this.#sampler.end();
    }
  }

  /** What has been played; nothing is counted yet. */
  soFar(): Played {
    const { samples } = this.#sampler;
    return {
      ...NOTHING_PLAYED,
      connections: this.stage.estate.connections.length,
      withoutFeed: this.#unfed.size,
      ratePerSecond: this.#askedPerSecond,
      reachedPerSecond: reachedPerSecond(samples),
      trouble: this.#trouble,
      compared: this.#compared,
      reconciled: this.#reconciled,
      steps: this.#steps,
      swaps: this.#swaps,
      samples,
      reasons: this.#reasons,
    };
  }

  async #night(): Promise<void> {
    const faults: readonly Fault[] = this.around.options.faults.map((name) => FAULTS[name]);
    for (const step of VERB_STEPS) {
      const instead = faults.find(({ at }) => 'insteadOf' in at && at.insteadOf === step.step);
      const done = instead === undefined ? (await this.swap(step)).done : await instead.play(this);
      if (!done) return;
      await this.flow(`after ${step.step}`);
      if (faults.length > 0 && step.step !== 'decommission') await decideWhatCameUp(this, `after ${step.step}`);
      for (const fault of faults) {
        const strikes = 'after' in fault.at && fault.at.after === step.step;
        if (strikes && !(await fault.play(this))) return;
      }
      if (step.step === 'parallel') await this.#compare();
      if (step.step === 'switch again') await this.timed('status', () => this.#status());
    }
  }

  swap(step: VerbStep): Promise<Swapped> {
    return this.timed(step.step, () => this.#swap(step));
  }

  async #swap(wanted: VerbStep): Promise<Swapped> {
    const { step, verb, args, phase, outage } = wanted;
    const { load, estate } = this.stage;
    this.wrong(...(await this.#flows.before(wanted)));
    const startedAt = performance.now();
    await load.beginWindow();
    const { finished, aborted } = await this.#untilNothingAborts(step, [verb, '--all', '--yes', '--json', ...args]);
    const pausesByFeed = await load.endWindowByFeed();
    this.around.signal.throwIfAborted();
    const pauses = [...pausesByFeed.values()];
    const wallMs = performance.now() - startedAt;
    const pauseMs = { p50: percentile(pauses, 0.5), p99: percentile(pauses, 0.99), max: percentile(pauses, 1) };
    const swap = { step, connections: estate.connections.length, pauseMs, wallMs, aborted };
    if (verb !== 'sync') this.#swaps.push(outage === undefined ? swap : { ...swap, outage });
    const elsewhere = await this.#arrived(phase);
    const took = seconds(wallMs);
    if (finished.exitCode === 0 && elsewhere.length === 0) {
      this.#ownerChanged ||= phase === 'switched';
      this.around.progress.line(`${step}: done in ${took}, longest wait of a sender ${longestOf(pausesByFeed)}`);
      return { done: true, finished };
    }
    const where = elsewhere.length === 0 ? '' : `; not in ${phase}: ${named(elsewhere)}`;
    this.wrong(`cutover ${verb} --all ended with exit ${finished.exitCode}${where}`, ...complaintsOf(finished));
    this.around.progress.line(`${step}: exit ${finished.exitCode} after ${took}${where}`);
    return { done: false, finished };
  }

  /**
   * A swap that cannot be made within its sender's patience aborts as if it had never been. On a machine too busy for
   * the load that is right: as an operator would, the rehearsal waits for quieter traffic and runs the verb again.
   */
  async #untilNothingAborts(step: string, argv: readonly string[]): Promise<{ finished: Finished; aborted: number }> {
    let aborted = 0;
    for (let attempt = 1; ; attempt++) {
      const finished = await this.verb(step, argv);
      const now = abortedIn(finished);
      aborted += now;
      if (now === 0 || attempt === MOST_ATTEMPTS || this.around.signal.aborted) return { finished, aborted };
      this.#ratePerSecond = Math.max(1, Math.round(this.#ratePerSecond / 2));
      this.around.progress.line(
        `${step}: the gateway aborted ${now} swaps, nothing changed for them; again at ${this.#ratePerSecond} messages/s`,
      );
      await this.stage.load.start(this.#ratePerSecond);
      await this.caughtUp();
    }
  }

  async verb(step: string, argv: readonly string[]): Promise<Finished> {
    const { folders, env } = this.stage;
    const { progress, signal } = this.around;
    const file = join(folders.logs, step.replaceAll(' ', '-'));
    const finished = await runToEnd({
      script: CLI,
      args: [...argv, '--stack', STACK],
      cwd: folders.project,
      env,
      logFile: `${file}.log`,
      onLine: (line) => progress.detail(line.trim()),
      signal,
    });
    await writeFile(`${file}.json`, finished.stdout);
    return finished;
  }

  /** Config, state, gateway and traffic must agree while messages flow. */
  async #status(): Promise<void> {
    let finished = await this.verb('status', ['status', '--all', '--json']);
    // A connection may be busy at that very moment; it must not stay so.
    for (let again = 1; again < STATUS_ATTEMPTS && finished.exitCode !== 0; again++) {
      this.around.signal.throwIfAborted();
      finished = await this.verb('status', ['status', '--all', '--json']);
    }
    this.around.signal.throwIfAborted();
    if (finished.exitCode === 0) this.around.progress.line('status: config, Pulumi, gateway and traffic agree');
    else this.wrong(`cutover status ended with exit ${finished.exitCode}`, ...statusComplaintsOf(finished));
  }

  /** Whether both platforms send the same: green, or with a fault on the candidate, whatever it must find. */
  async #compare(): Promise<void> {
    const { proof, faults } = this.around.options;
    if (!proof) return;
    const sought = faults.filter((fault) => FOUND_BY_COMPARISON[fault] !== undefined);
    const missed = (one: Compared): FaultName[] => sought.filter((fault) => FOUND_BY_COMPARISON[fault]?.(one) !== true);
    const isDone = (one: Compared): boolean => {
      if (faults.length === 0) return one.verdict === 'green';
      return sought.length === 0 ? one.workerReady : missed(one).length === 0;
    };
    const compared = await this.timed('compare', () => compareUntil(this.#asking(), this.#fed(), isDone));
    this.#compared = compared;
    const { verdict, pairs, matched, red, paths, named } = compared;
    this.around.progress.line(`compare: ${verdict}, ${matched} of ${pairs} pairs match, ${red} connections red`);
    if (faults.length === 0) {
      if (verdict !== 'green')
        this.wrong(
          'the comparison is not green',
          ...named.map(({ name, reasons }) => `${name}: ${reasons.join('; ')}`),
        );
      return;
    }
    this.seen(`compare: ${verdict}; connections that it names as red`, red);
    if (compared.differing > 0)
      this.seen(`pairs that differ, at ${[...new Set(paths.map(({ path }) => path))].join(', ')}`, compared.differing);
    if (compared.missing > 0) this.seen('outputs that it misses of the new platform', compared.missing);
    if (compared.extra > 0) this.seen('outputs that only the new platform sent', compared.extra);
    for (const fault of missed(compared)) this.wrong(`compare did not find what the fault ${fault} did`);
  }

  /** Every obligation accounted for, by the product's own account. */
  async #reconcile(): Promise<void> {
    const { proof, faults } = this.around.options;
    if (!proof) return;
    const reconciled = await this.timed('reconcile', () =>
      reconcileUntil(this.#asking(), ({ verdict }) => verdict === 'green'),
    );
    this.#reconciled = reconciled;
    const { verdict, owed, delivered, reasons, named } = reconciled;
    this.around.progress.line(`reconcile: ${verdict}, ${delivered} delivered of ${owed} owed`);
    const why = [...reasons, ...named.map((one) => `${one.name}: ${one.reasons.join('; ')}`)];
    if (verdict === 'green') return;
    if (faults.length === 0) this.wrong('the reconciliation is not green', ...why);
    else this.seen(`reconcile: red, ${why.join('; ')}`, reconciled.red);
  }

  /** Of what has no feed nothing is compared. */
  #fed(): readonly string[] {
    return this.stage.estate.connections.filter(({ hasFeed }) => hasFeed).map(({ name }) => name);
  }

  #asking(): Asking {
    return { ask: (step, argv) => this.verb(step, argv), signal: this.around.signal };
  }

  /** What is not in this phase; where people start what polls at its new owner, it is started. */
  async #arrived(phase: Phase): Promise<string[]> {
    const read = await this.stage.gateways.connections();
    if (!read.ok) return [`unknown (${read.message})`];
    await this.#flows.after(new Map(read.value.map(({ name, control }) => [name, control])));
    // Without a feed there is no parallel run: it is in legacy then, and a rollback leads there.
    const wanted = (name: string): Phase => (phase === 'parallel' && this.#unfed.has(name) ? 'legacy' : phase);
    return read.value.filter((connection) => connection.phase !== wanted(connection.name)).map(({ name }) => name);
  }

  async flow(when: string, messages = MESSAGES_BETWEEN_STEPS): Promise<void> {
    const { progress, signal } = this.around;
    progress.detail(`messages ${when}`);
    const flowed = await this.stage.load.flow(messages, FLOW_LIMIT_MS, signal);
    if (!flowed) this.wrong(`${when}: not every connection had a message accepted within ${FLOW_LIMIT_MS / 1000} s`);
  }

  /** As long as it gets nearer it may take its time: a busy machine is behind by as much as it is slow. */
  async caughtUp(): Promise<number> {
    const startedAt = performance.now();
    let [least, nearerAt] = [Number.POSITIVE_INFINITY, startedAt];
    while (performance.now() - nearerAt < CATCH_UP_LIMIT_MS && performance.now() - startedAt < CATCH_UP_AT_MOST_MS) {
      const lags = (await this.statuses()).map(({ shadowLag }) => shadowLag);
      if (lags.every((lag) => lag <= 2)) return performance.now() - startedAt;
      const lag = lags.reduce((sum, one) => sum + one, 0);
      if (lag < least) [least, nearerAt] = [lag, performance.now()];
      await sleep(POLL_MS, undefined, { signal: this.around.signal });
    }
    this.wrong(`the other platform had not caught up, and came no nearer for ${CATCH_UP_LIMIT_MS / 1000} s`);
    return performance.now() - startedAt;
  }

  async statuses(): Promise<readonly ConnectionStatus[]> {
    const read = await this.stage.gateways.connections();
    if (read.ok) return read.value;
    throw new Error(`the gateway could not be asked: ${read.message}`);
  }

  injected(what: string, count?: number): void {
    this.#trouble?.injected.push({ what, count: count ?? null });
  }

  seen(what: string, count?: number): void {
    this.#trouble?.seen.push({ what, count: count ?? null });
  }

  wrong(...reasons: readonly string[]): void {
    this.#reasons.push(...reasons);
  }

  async timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    this.around.progress.step(name);
    try {
      return await work();
    } finally {
      this.#steps.push({
        name,
        startedAtMs: Math.round(startedAt - this.#origin),
        wallMs: Math.round(performance.now() - startedAt),
      });
    }
  }
}

function named(names: readonly string[]): string {
  const first = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${first} and ${names.length - 5} more` : first;
}

/** With the sender's name where it alone waited so long. */
function longestOf(pausesByFeed: ReadonlyMap<string, number>): string {
  const [[feed, longestMs] = ['', 0], [, nextMs] = ['', 0]] = [...pausesByFeed].sort(([, a], [, b]) => b - a);
  return `${Math.round(longestMs)} ms${longestMs > STANDS_OUT * nextMs ? ` (${feed})` : ''}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function trafficText({ accepted, received }: Traffic, perSecond: number): string {
  const count = (value: number): string => value.toLocaleString('en-US');
  return `${count(accepted)} answered, ${count(received)} delivered, ${count(Math.round(perSecond))}/s`;
}
