/** The inputs of one journal for which something may still come, found by their offsets, attempts, outputs and decisions. */
import type { FoldRecord } from './fold.ts';
import type { KnownOutput, OpenInput } from './open-input.ts';
import { OutputIndex, type Place } from './output-index.ts';

/** What the records speak of and is not open here: closed, or kept in the store only. */
export type Unknown = {
  readonly inputs: ReadonlySet<number>;
  readonly outputs: ReadonlySet<number>;
  readonly decisions: ReadonlySet<string>;
};

/** Far more than wait at any time in a healthy estate; what is beyond waits in the store alone. */
const OPEN_LIMIT = 100_000;

export class OpenInputs {
  readonly #byOffset = new Map<number, OpenInput>();
  readonly #byAttempt = new Map<number, OpenInput>();
  readonly #byDecision = new Map<string, Place>();
  readonly #index = new OutputIndex();

  get size(): number {
    return this.#byOffset.size;
  }

  all(): IterableIterator<OpenInput> {
    return this.#byOffset.values();
  }

  get offsets(): ReadonlySet<number> {
    return new Set(this.#byOffset.keys());
  }

  get(offset: number | null): OpenInput | null {
    return offset === null ? null : (this.#byOffset.get(offset) ?? null);
  }

  byAttempt(offset: number): OpenInput | null {
    return this.#byAttempt.get(offset) ?? null;
  }

  byOutput(offset: number): Place | null {
    return this.#index.caseOf(offset);
  }

  byDecision(id: string): Place | null {
    return this.#byDecision.get(id) ?? null;
  }

  /** This input, or the first one of this attempt, or the input of its own that this output is. */
  has(offset: number): boolean {
    return this.#byOffset.has(offset) || this.#byAttempt.has(offset);
  }

  /** The case that an output belongs to by what the messages say; `own`: what the gateway took it for. */
  find(feed: string, output: KnownOutput, key: string | null, own: Place | null): Place | null {
    return this.#index.find(feed, output, key, own);
  }

  /** With whatever it has already. */
  add(input: OpenInput): void {
    this.#byOffset.set(input.offset, input);
    for (const { offset } of input.attempts) this.#byAttempt.set(offset, input);
    this.#index.addInput(input);
    for (const item of input.cases) {
      for (const output of item.outputs) this.#index.addOutput({ input, item }, output);
      if (item.decision !== null) this.#byDecision.set(item.decision.id, { input, item });
    }
  }

  attempted(input: OpenInput, offset: number): void {
    this.#byAttempt.set(offset, input);
  }

  addOutput(place: Place, output: KnownOutput): void {
    place.item.outputs.push(output);
    this.#index.addOutput(place, output);
  }

  decisionOpened(place: Place, id: string): void {
    place.item.decision = { id, action: null };
    this.#byDecision.set(id, place);
  }

  remove(input: OpenInput): void {
    this.#byOffset.delete(input.offset);
    for (const { offset } of input.attempts) this.#byAttempt.delete(offset);
    this.#index.remove(input);
    for (const { decision } of input.cases) if (decision !== null) this.#byDecision.delete(decision.id);
  }

  /** The oldest wait in the store alone: their records bring them back. */
  shedSurplus(): void {
    for (const input of this.#byOffset.values()) {
      if (this.#byOffset.size <= OPEN_LIMIT) return;
      this.remove(input);
    }
  }

  unknownIn(records: readonly FoldRecord[]): Unknown {
    const inputs = new Set<number>();
    const outputs = new Set<number>();
    const decisions = new Set<string>();
    const arriving = new Set(records.map(({ offset }) => offset));
    const input = (offset: number | null): void => {
      if (offset !== null && !this.has(offset) && !arriving.has(offset)) inputs.add(offset);
    };
    const output = (offset: number | null): void => {
      if (offset !== null && !arriving.has(offset) && this.byOutput(offset) === null) outputs.add(offset);
    };
    for (const { record } of records) {
      switch (record.t) {
        case 'input':
          input(record.attemptOf);
          break;
        case 'input-verdict':
        case 'shadow':
          input(record.input);
          break;
        case 'output':
          input(record.input);
          output(record.attemptOf);
          break;
        case 'output-verdict':
          output(record.output);
          break;
        case 'decision':
          input(record.input);
          break;
        case 'resolution':
          if (!this.#byDecision.has(record.id)) decisions.add(record.id);
          break;
        case 'refusal':
        case 'epoch':
        case 'list':
        case 'start':
          break;
      }
    }
    return { inputs, outputs, decisions };
  }
}
