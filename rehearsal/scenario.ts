/** The cut-over as it is rehearsed: the same verbs that an operator types, under load, and an independent count at the end. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Phase } from '../core/platform.ts';
import { isClean } from './count.ts';
import type { CountedEnds, Traffic } from './load.ts';
import { RATE_PER_CONNECTION } from './options.ts';
import type { PartyFault } from './parties/protocol.ts';
import { runToEnd } from './product.ts';
import { STACK } from './project.ts';
import { NOTHING_PLAYED, type Played, percentile, type Swap } from './result.ts';
import type { Around, Stage } from './stage.ts';
import { complaintsOf, statusComplaintsOf } from './verb-complaints.ts';

const CLI = 'scripts/cutover.ts';
/** Messages of each connection before the next verb. */
const PAIRS_BETWEEN_STEPS = 4;
/** So that a fault of every third or fourth message strikes each connection several times. */
const PAIRS_UNDER_FAULT = 16;
const FLOW_LIMIT_MS = 60_000;
const CATCH_UP_LIMIT_MS = 60_000;
const DRAIN_LIMIT_MS = 45_000;
const QUIET_MS = 8_000;
const POLL_MS = 500;
const STATUS_ATTEMPTS = 3;

type VerbStep = {
  readonly step: string;
  readonly verb: string;
  readonly args: readonly string[];
  readonly phase: Phase;
};

export const VERB_STEPS: readonly VerbStep[] = [
  { step: 'sync', verb: 'sync', args: ['--reason', 'rehearsal: take the routes into Pulumi'], phase: 'legacy' },
  { step: 'parallel', verb: 'parallel', args: ['--reason', 'rehearsal: run both platforms'], phase: 'parallel' },
  { step: 'switch', verb: 'switch', args: ['--reason', 'rehearsal: the night'], phase: 'switched' },
  { step: 'rollback', verb: 'rollback', args: ['--reason', 'rehearsal: the way back'], phase: 'parallel' },
  { step: 'switch again', verb: 'switch', args: ['--reason', 'rehearsal: the night again'], phase: 'switched' },
  {
    step: 'decommission',
    verb: 'decommission',
    args: ['--reason', 'rehearsal: legacy retires'],
    phase: 'decommissioned',
  },
];

export class Scenario {
  readonly #stage: Stage;
  readonly #around: Around;
  readonly #steps: { name: string; wallMs: number }[] = [];
  readonly #swaps: Swap[] = [];
  readonly #reasons: string[] = [];
  readonly #ratePerSecond: number;
  #ownerChanged = false;

  constructor(stage: Stage, around: Around) {
    this.#stage = stage;
    this.#around = around;
    // The size of the user's own inventory is known only now.
    this.#ratePerSecond = Math.min(around.options.ratePerSecond, stage.estate.connections.length * RATE_PER_CONNECTION);
  }

  async play(): Promise<Played> {
    const { options, progress } = this.#around;
    await this.#timed('first messages', async () => {
      await this.#stage.load.start(this.#ratePerSecond);
      await this.#flow('in legacy');
    });
    for (const step of VERB_STEPS) {
      const done = await this.#timed(step.step, () => this.#swap(step));
      if (!done) break;
      await this.#flow(`after ${step.step}`);
      if (step.step === 'parallel' && options.fault !== null) await this.#trouble(options.fault);
      if (step.step === 'switch again') await this.#timed('status', () => this.#status());
    }
    const counted = await this.#timed('drain and count', () => this.#count());
    const { total, misanswered } = counted;
    if (!isClean(total)) this.#reasons.push('the count at the ends is not clean');
    if (misanswered > 0) this.#reasons.push(`${misanswered} answers belonged to another message`);
    if (this.#ownerChanged && total.fromNew === 0)
      this.#reasons.push('after the switch nothing of the new platform arrived');
    if (total.sent === 0) this.#reasons.push('no message was taken');
    progress.line(`counted: ${total.sent} sent, ${total.delivered} delivered, ${total.lost} lost`);
    const { maybeSent } = counted;
    return { ...this.soFar(), messages: { ...total, misanswered, maybeSent, exampleIds: [...total.exampleIds] } };
  }

  /** What has been played; nothing is counted yet. */
  soFar(): Played {
    const connections = this.#stage.estate.connections.length;
    return {
      ...NOTHING_PLAYED,
      connections,
      ratePerSecond: this.#ratePerSecond,
      steps: this.#steps,
      swaps: this.#swaps,
      reasons: this.#reasons,
    };
  }

  /** One verb on everything. False: it did not do what it should; the rest is not played. */
  async #swap({ step, verb, args, phase }: VerbStep): Promise<boolean> {
    const stage = this.#stage;
    await stage.load.beginWindow();
    const finished = await this.#verb(step, [verb, '--all', '--yes', '--json', ...args]);
    const pauses = await stage.load.endWindow();
    this.#around.signal.throwIfAborted();
    const pauseMs = { p50: percentile(pauses, 0.5), p99: percentile(pauses, 0.99), max: percentile(pauses, 1) };
    if (step !== 'sync')
      this.#swaps.push({ step, connections: stage.estate.connections.length, pauseMs, wallMs: finished.wallMs });
    const elsewhere = await this.#notIn(phase);
    const took = `${(finished.wallMs / 1000).toFixed(1)} s`;
    if (finished.exitCode === 0 && elsewhere.length === 0) {
      this.#ownerChanged ||= phase === 'switched';
      this.#around.progress.line(`${step}: done in ${took}, longest wait of a sender ${Math.round(pauseMs.max)} ms`);
      return true;
    }
    const where = elsewhere.length === 0 ? '' : `; not in ${phase}: ${named(elsewhere)}`;
    this.#reasons.push(`cutover ${verb} --all ended with exit ${finished.exitCode}${where}`, ...complaintsOf(finished));
    this.#around.progress.line(`${step}: exit ${finished.exitCode} after ${took}${where}`);
    return false;
  }

  async #verb(step: string, argv: readonly string[]): ReturnType<typeof runToEnd> {
    const { folders, env } = this.#stage;
    const { progress, signal } = this.#around;
    progress.passing(`${step}: cutover ${argv.join(' ')}`);
    const file = join(folders.logs, step.replaceAll(' ', '-'));
    const finished = await runToEnd({
      script: CLI,
      args: [...argv, '--stack', STACK],
      cwd: folders.project,
      env,
      logFile: `${file}.log`,
      onLine: (line) => progress.passing(`${step}: ${line.trim()}`),
      signal,
    });
    await writeFile(`${file}.json`, finished.stdout);
    return finished;
  }

  /** Config, state, gateway and traffic must agree while messages flow. */
  async #status(): Promise<void> {
    let finished = await this.#verb('status', ['status', '--all', '--json']);
    // A connection may be busy at that very moment; it must not stay so.
    for (let again = 1; again < STATUS_ATTEMPTS && finished.exitCode !== 0; again++) {
      this.#around.signal.throwIfAborted();
      finished = await this.#verb('status', ['status', '--all', '--json']);
    }
    this.#around.signal.throwIfAborted();
    if (finished.exitCode === 0) this.#around.progress.line('status: config, Pulumi, gateway and traffic agree');
    else this.#reasons.push(`cutover status ended with exit ${finished.exitCode}`, ...statusComplaintsOf(finished));
  }

  async #notIn(phase: Phase): Promise<string[]> {
    const read = await this.#stage.gateway.connections();
    if (!read.ok) return [`unknown (${read.error.message})`];
    return read.value.filter((connection) => connection.phase !== phase).map(({ name }) => name);
  }

  async #flow(when: string, messages = PAIRS_BETWEEN_STEPS): Promise<void> {
    const { progress, signal } = this.#around;
    const show = (traffic: Traffic): void =>
      progress.passing(`messages ${when}: ${traffic.accepted} sent, ${traffic.received} delivered`);
    const flowed = await this.#stage.load.flow(messages, FLOW_LIMIT_MS, signal, show);
    if (!flowed)
      this.#reasons.push(`${when}: not every connection had a message accepted within ${FLOW_LIMIT_MS / 1000} s`);
  }

  /** Something goes wrong on the new platform while it is the candidate, then it recovers: senders must not notice. */
  async #trouble(fault: NonNullable<Around['options']['fault']>): Promise<void> {
    const { load } = this.#stage;
    const { progress } = this.#around;
    const partyFault: PartyFault = fault === 'candidate-down' ? 'down' : fault;
    await this.#timed(`fault ${fault}`, async () => {
      progress.line(`fault: ${fault} on the new platform`);
      await load.setFault('new', partyFault, true);
      await this.#flow(`with ${fault}`, PAIRS_UNDER_FAULT);
      await load.setFault('new', partyFault, false);
      progress.line(`fault: ${fault} is over`);
      await this.#caughtUp();
      await this.#flow(`after ${fault}`);
    });
  }

  async #caughtUp(): Promise<void> {
    const endsAt = performance.now() + CATCH_UP_LIMIT_MS;
    while (performance.now() < endsAt) {
      const read = await this.#stage.gateway.connections();
      if (read.ok && read.value.every(({ shadowLag }) => shadowLag <= 2)) return;
      await sleep(POLL_MS, undefined, { signal: this.#around.signal });
    }
    this.#reasons.push(`the new platform had not caught up within ${CATCH_UP_LIMIT_MS / 1000} s`);
  }

  async #count(): Promise<CountedEnds & { maybeSent: number }> {
    const { load } = this.#stage;
    this.#around.progress.passing('draining');
    await load.drain(DRAIN_LIMIT_MS, QUIET_MS, this.#around.signal);
    const listed = await this.#maybeSent();
    const counted = await load.count(listed);
    const maybeSent = [...listed.values()].reduce((sum, ids) => sum + ids.size, 0);
    return { ...counted, maybeSent };
  }

  /** What the gateway says it cannot know: per connection the MSH-10 of those messages. */
  async #maybeSent(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const { gateway } = this.#stage;
    const read = await gateway.connections();
    if (!read.ok) {
      this.#reasons.push(`the gateway could not be read at the end: ${read.error.message}`);
      return new Map();
    }
    const listed = new Map<string, ReadonlySet<string>>();
    for (const { name, counters } of read.value) {
      if (counters.maybeSent === 0) continue;
      const list = await gateway.list(name, 'maybeSent');
      if (list.ok) listed.set(name, new Set(list.value.entries.map(({ id }) => id.msh10)));
      else this.#reasons.push(`the maybeSent list of ${name} could not be read: ${list.error.message}`);
    }
    return listed;
  }

  async #timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.#steps.push({ name, wallMs: performance.now() - startedAt });
    }
  }
}

function named(names: readonly string[]): string {
  const first = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${first} and ${names.length - 5} more` : first;
}
