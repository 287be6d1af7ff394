/**
 * Captures of inputs that have got no positive answer and are closed: the sender's resend may be accepted, and a platform
 * that knows the input makes no second output of it.
 */

import { Newest } from '../../core/newest.ts';
import type { Platform } from '../../core/platform.ts';
import type { MessageFacts } from './records.ts';

export type KeptOutput = {
  readonly platform: Platform;
  readonly output: number;
  readonly outputFacts: MessageFacts;
  readonly firstOutput: number;
  readonly atMs: number;
  /** Where its key falls, of which the resend's obligation knows nothing. Absent in a checkpoint from before it was kept. */
  readonly share?: number | null;
};

export type KeptState = readonly (readonly [input: number, kept: KeptOutput])[];

const LIMIT = 10_000;
/** A sender that has got no answer sends again much sooner. */
const NEEDED_FOR_MS = 3_600_000;

export class KeptOutputs {
  readonly #byInput = new Newest<number, KeptOutput>(LIMIT);

  add(input: number, kept: KeptOutput): void {
    this.#byInput.set(input, kept);
  }

  get(input: number): KeptOutput | null {
    return this.#byInput.get(input) ?? null;
  }

  /** Offsets that may still be asked for. */
  neededAt(nowMs: number): readonly number[] {
    return [...this.#byInput].flatMap(([, { output, atMs }]) => (atMs > nowMs - NEEDED_FOR_MS ? [output] : []));
  }

  dump(): KeptState {
    return [...this.#byInput];
  }

  load(state: KeptState): void {
    for (const [input, kept] of state) this.add(input, kept);
  }
}
