/**
 * Finds the input that an output belongs to: by its key where the inventory names one, else by what the messages have in
 * common. The oldest that still lacks this platform's output comes first, so that repeated keys go in order.
 */
import type { Case, KnownOutput, OpenInput } from './open-input.ts';

export type Place = { readonly input: OpenInput; readonly item: Case };

export class OutputIndex {
  readonly #byOutput = new Map<number, Place>();
  readonly #byMark = new Map<string, Set<OpenInput>>();

  caseOf(output: number): Place | null {
    return this.#byOutput.get(output) ?? null;
  }

  addInput(input: OpenInput): void {
    for (const mark of marksOfInput(input)) this.#add(mark, input);
  }

  addOutput(place: Place, output: KnownOutput): void {
    this.#byOutput.set(output.offset, place);
    for (const mark of marksOfOutput(place.input, output)) this.#add(mark, place.input);
  }

  remove(input: OpenInput): void {
    const marks = [
      ...marksOfInput(input),
      ...input.cases.flatMap(({ outputs }) => outputs.flatMap((output) => marksOfOutput(input, output))),
    ];
    for (const mark of marks) {
      const inputs = this.#byMark.get(mark);
      inputs?.delete(input);
      if (inputs?.size === 0) this.#byMark.delete(mark);
    }
    for (const output of input.cases.flatMap(({ outputs }) => outputs)) this.#byOutput.delete(output.offset);
  }

  /** `own`: what the gateway took it for. Null: nothing fits better. */
  find(feed: string, output: KnownOutput, key: string | null, own: Place | null): Place | null {
    const { msh10, order } = output.marks;
    const marks = [
      ...(key === null ? [] : [`k ${output.connection} ${key}`]),
      ...(msh10 === '' ? [] : [`m ${feed} ${msh10}`]),
      ...(order === null ? [] : [`o ${feed} ${order}`]),
    ];
    for (const mark of marks) {
      const found = this.#oldest(mark, (item) => item.connection === output.connection && lacks(item, output));
      if (found !== null && found.input !== own?.input) return found;
    }
    // At another connection than it should: only what is the same message beyond doubt.
    if (own !== null || output.role !== 'capture') return null;
    for (const mark of strictMarks(output)) {
      const found = this.#oldest(mark, (item) => item.connection !== output.connection && lacks(item, output));
      if (found !== null) return found;
    }
    return null;
  }

  #oldest(mark: string, fits: (item: Case) => boolean): Place | null {
    let oldest: Place | null = null;
    for (const input of this.#byMark.get(mark) ?? []) {
      if (oldest !== null && oldest.input.offset < input.offset) continue;
      const item = input.cases.find(fits);
      if (item !== undefined) oldest = { input, item };
    }
    return oldest;
  }

  #add(mark: string, input: OpenInput): void {
    const inputs = this.#byMark.get(mark) ?? new Set<OpenInput>();
    this.#byMark.set(mark, inputs.add(input));
  }
}

/** The case takes outputs of this platform and has none yet. */
function lacks(item: Case, { platform }: KnownOutput): boolean {
  const isDue = item.control === platform || item.candidate === platform;
  return isDue && item.outputs.every((one) => one.platform !== platform);
}

function marksOfInput({ feed, marks, cases }: OpenInput): string[] {
  return [
    ...(marks.msh10 === '' ? [] : [`m ${feed} ${marks.msh10}`]),
    ...(marks.order === null ? [] : [`o ${feed} ${marks.order}`]),
    ...cases.flatMap(({ connection, key }) => (key === null ? [] : [`k ${connection} ${key}`])),
  ];
}

function marksOfOutput({ feed }: OpenInput, output: KnownOutput): string[] {
  const { msh10, order } = output.marks;
  return [
    ...(msh10 === '' ? [] : [`m ${feed} ${msh10}`]),
    ...(order === null ? [] : [`o ${feed} ${order}`]),
    ...(output.role === 'deliver' ? strictMarks(output) : []),
  ];
}

/** The same bytes; the same id of the same order; or, under an id of the platform's own, the same order of the same patient. */
function strictMarks({ sha, marks: { msh10, order, subject } }: KnownOutput): string[] {
  return [
    `s ${sha}`,
    ...(msh10 === '' || order === null ? [] : [`x ${msh10} ${order}`]),
    ...(order === null || subject === null ? [] : [`p ${order} ${subject}`]),
  ];
}
