/**
 * How well outputs can be told apart by their inputs, measured on what passes: the correlation grade. What trusts a
 * correlation (a change-over at an offset, re-owning) asks here first.
 */
import { hash } from 'node:crypto';
import { keyOf } from '../../core/hl7/message.ts';
import { LazyMap } from '../../core/lazy-collections.ts';
import { PLATFORMS, type Platform } from '../../core/platform.ts';
import type { MessageFacts } from './records.ts';

/**
 * - `exact`: no key came twice. `keyed`: a key may come again, but never while an input with it is open.
 * - `fifo`: only the order tells. `none`: nothing does, or not enough has been seen.
 */
export type Grade = 'exact' | 'keyed' | 'fifo' | 'none';
export type Correlated = { readonly grade: Grade; readonly reason: string };

/** What was found of an input's key: new; seen before and closed; that of an input that is open; none in the message. */
export type InputFinding = 'new' | 'repeated' | 'ambiguous' | 'keyless';
/** How an output found its input: by key, by order, or not at all. */
export type OutputFinding = 'key' | 'order' | 'unmatched';

/** The same finding so many times; in former checkpoints each stands alone. */
type Run<T> = T | readonly [T, number];
export type CorrelationState = {
  readonly inputs: readonly Run<InputFinding>[];
  readonly outputs: Readonly<Record<Platform, readonly Run<OutputFinding>[]>>;
};

/** A longer one is known by its digest: it is kept for as long as its input is open. */
const KEY_LIMIT_CHARACTERS = 1024;

/** What outputs find their inputs by; null: the inventory names nothing, or the message has it not. */
export function correlationKeyOf(
  payload: Uint8Array,
  { msh10 }: MessageFacts,
  correlate: readonly string[] | null,
): string | null {
  if (correlate === null) return null;
  // Nearly always, and it has been read.
  if (correlate.length === 1 && correlate[0] === 'MSH-10' && msh10 !== '') return msh10;
  const key = keyOf(payload, correlate);
  return key === null || key.length <= KEY_LIMIT_CHARACTERS ? key : hash('sha256', Buffer.from(key, 'latin1'), 'hex');
}

const INPUTS_SEEN = 1000;
const OUTPUTS_SEEN = 200;
const ENOUGH = 20;
/** Outputs that no input asked for exist; more of them than one in a hundred are a key that does not hold. */
const UNMATCHED_SHARE = 0.01;

export class Correlation {
  readonly #correlates: boolean;
  readonly #inputs = new Recent<InputFinding>(INPUTS_SEEN);
  readonly #outputs = {
    legacy: new Recent<OutputFinding>(OUTPUTS_SEEN),
    new: new Recent<OutputFinding>(OUTPUTS_SEEN),
  };

  constructor(correlates: boolean) {
    this.#correlates = correlates;
  }

  input(finding: InputFinding): void {
    this.#inputs.add(finding);
  }

  output(platform: Platform, finding: OutputFinding): void {
    this.#outputs[platform].add(finding);
  }

  /** Something has been seen that makes a mistake possible. */
  isDoubtful(platform: Platform): boolean {
    return this.#whyNotKeyed([platform]) !== null;
  }

  get grade(): Correlated {
    for (const platform of PLATFORMS) {
      const { size } = this.#outputs[platform];
      if (size < ENOUGH) return { grade: 'none', reason: `${size} of ${ENOUGH} outputs of ${platform} seen` };
    }
    if (!this.#correlates) return this.#byOrder('the inventory names no `correlate`');
    const doubt = this.#whyNotKeyed(PLATFORMS);
    if (doubt !== null) return this.#byOrder(doubt);
    const repeated = this.#inputs.count('repeated');
    return repeated === 0
      ? { grade: 'exact', reason: `each of the last ${this.#inputs.size} inputs had a key of its own` }
      : { grade: 'keyed', reason: `${repeated} of the last ${this.#inputs.size} inputs had the key of an earlier one` };
  }

  dump(): CorrelationState {
    const { legacy, new: next } = this.#outputs;
    return { inputs: this.#inputs.runs, outputs: { legacy: legacy.runs, new: next.runs } };
  }

  load({ inputs, outputs }: CorrelationState): void {
    for (const run of inputs) this.#inputs.addRun(run);
    for (const platform of PLATFORMS) for (const run of outputs[platform]) this.#outputs[platform].addRun(run);
  }

  #byOrder(reason: string): Correlated {
    const isOrdered = PLATFORMS.every((platform) => {
      const outputs = this.#outputs[platform];
      return outputs.count('unmatched') <= outputs.size * UNMATCHED_SHARE;
    });
    return { grade: isOrdered ? 'fifo' : 'none', reason };
  }

  #whyNotKeyed(platforms: readonly Platform[]): string | null {
    const { size } = this.#inputs;
    const keyless = this.#inputs.count('keyless');
    if (keyless > 0) return `${keyless} of the last ${size} inputs had no key`;
    const ambiguous = this.#inputs.count('ambiguous');
    if (ambiguous > 0) return `${ambiguous} of the last ${size} inputs had the key of one that was still open`;
    for (const platform of platforms) {
      const outputs = this.#outputs[platform];
      const unmatched = outputs.size - outputs.count('key');
      if (unmatched > outputs.size * UNMATCHED_SHARE)
        return `${unmatched} of the last ${outputs.size} outputs of ${platform} had the key of no input`;
    }
    return null;
  }
}

/** The newest so many findings, counted by kind. */
class Recent<T extends string> {
  readonly #limit: number;
  readonly #items: T[] = [];
  readonly #counts = new LazyMap<T, number>();
  #next = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Oldest first. */
  get runs(): readonly Run<T>[] {
    const runs: [T, number][] = [];
    for (const item of [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)]) {
      const last = runs.at(-1);
      if (last !== undefined && last[0] === item) last[1]++;
      else runs.push([item, 1]);
    }
    return runs;
  }

  count(kind: T): number {
    return this.#counts.get(kind) ?? 0;
  }

  addRun(run: Run<T>): void {
    const [item, count] = typeof run === 'string' ? [run, 1] : run;
    for (let added = 0; added < count; added++) this.add(item);
  }

  add(item: T): void {
    const former = this.#items.length < this.#limit ? undefined : this.#items[this.#next];
    if (former !== undefined) this.#counts.set(former, this.count(former) - 1);
    this.#counts.set(item, this.count(item) + 1);
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#limit;
  }
}
