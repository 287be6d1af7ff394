/** For tests: a journal told as a story (an order comes, platforms answer, outputs come, destinations answer). */
import { createHash } from 'node:crypto';
import type { SyntheticJournal } from '../adapters/journal-harness.ts';
import type { Platform } from '../core/platform.ts';

export const BEGIN_MS = Date.UTC(2026, 5, 1, 12);

type Verdict = 'positive' | 'negative' | 'other' | 'lost';

export type OutputTold = {
  readonly platform?: Platform;
  readonly role?: 'deliver' | 'capture' | 'suppress' | 'park';
  readonly input?: number | null;
  readonly attemptOf?: number | null;
  readonly connection?: string;
  readonly epoch?: number;
};

/** Appends records to a journal, one second after another unless time is moved. */
export class Story {
  readonly journal: Pick<SyntheticJournal, 'append'>;
  nowMs = BEGIN_MS;
  feed = 'north-orders';
  primary: Platform = 'legacy';
  shadowed: Platform | null = null;
  readonly #epochs = new Map<string, number>();

  constructor(journal: Pick<SyntheticJournal, 'append'>) {
    this.journal = journal;
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  route(connection: string, epoch: number, phase: string, newWeight = 0): void {
    const record = { connection, epoch, phase, newWeight, forced: false, verb: 'test', by: 'test' };
    this.#append({ t: 'epoch', record, pauseMs: 0 });
    this.#epochs.set(connection, epoch);
    if (phase === 'parallel') this.shadowed = 'new';
    if (phase === 'switched') [this.primary, this.shadowed] = ['new', 'legacy'];
  }

  input(message: string, attemptOf: number | null = null): number {
    const { feed, primary, shadowed: shadow } = this;
    return this.#append({ t: 'input', feed, sender: 's', primary, shadow, attemptOf, ...facts(message) }, message);
  }

  answered(input: number, verdict: Verdict = 'positive'): void {
    const answer = verdict === 'lost' ? null : `MSH|^~\\&|P\rMSA|${codeOf(verdict)}|1\r`;
    this.#append({ t: 'input-verdict', feed: this.feed, input, verdict }, answer);
  }

  shadow(input: number, verdict: Verdict | 'dropped' = 'positive', platform: Platform = 'new'): void {
    const answer = verdict === 'dropped' ? null : `MSH|^~\\&|Q\rMSA|${codeOf(verdict)}|1\r`;
    this.#append({ t: 'shadow', feed: this.feed, input, platform, verdict }, answer);
  }

  output(message: string, told: OutputTold = {}): number {
    const { platform = 'legacy', role = 'deliver', input = null, attemptOf = null } = told;
    const connection = told.connection ?? this.feed;
    const epoch = told.epoch ?? this.#epochs.get(connection) ?? 1;
    const meta = { t: 'output', connection, platform, sender: 's', role, epoch, input, attemptOf, ...facts(message) };
    return this.#append(meta, message);
  }

  delivered(output: number, verdict: Verdict = 'positive', connection = this.feed, reowned = false): void {
    this.#append(
      { t: 'output-verdict', connection, output, verdict, reowned },
      verdict === 'lost' ? null : 'MSH|^~\\&',
    );
  }

  /** The whole way of one message through legacy, and of its copy through new where there is one. */
  message(id: string, change: (message: string) => string = (message) => message): number {
    const input = this.input(order(id));
    this.answered(input);
    const output = this.output(order(id), { input });
    this.delivered(output);
    if (this.shadowed === null) return input;
    this.shadow(input);
    this.output(change(order(id)), { platform: 'new', role: 'capture', input });
    return input;
  }

  record(meta: Readonly<Record<string, unknown>>, payload: string | null = null): number {
    return this.#append(meta, payload);
  }

  #append(meta: Readonly<Record<string, unknown>>, payload: string | null = null): number {
    this.nowMs += 1000;
    return this.journal.append({ ...meta, at: this.nowMs }, payload);
  }
}

export function order(id: string, number = id): string {
  return [
    `MSH|^~\\&|EMR|NORTH|LIS|LAB|20260601120000||ORM^O01|${id}|P|2.5.1`,
    `PID|1||${id.length}^^^NORTH||DOE^JANE`,
    `ORC|NW|${number}`,
    `OBR|1|${number}||CBC^Blood count`,
    '',
  ].join('\r');
}

function facts(message: string): { readonly msh10: string; readonly sha: string } {
  return {
    msh10: message.split('|')[9] ?? '',
    sha: createHash('sha256').update(message, 'latin1').digest('hex'),
  };
}

function codeOf(verdict: Verdict): string {
  return verdict === 'positive' ? 'AA' : 'AE';
}
