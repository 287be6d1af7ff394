/**
 * The order of segments in the notation of the standard (chapter 2, section 2.12): `[ ]` optional, `{ }` repeated.
 * Matched with the set of all places where a message may be, so that it takes one look at each segment, and says what
 * it had expected where a segment has no place.
 */

export type Structure = {
  /** State → what leads on from it. State 0 is the beginning. */
  readonly steps: readonly Step[];
  readonly end: number;
};

type Step = { readonly on: string; readonly to: number } | { readonly either: readonly number[] };

type Element =
  | { readonly kind: 'segment'; readonly name: string }
  | { readonly kind: 'optional' | 'repeated' | 'sequence'; readonly elements: readonly Element[] };

export class StructureError extends Error {
  override readonly name = 'StructureError';
}

/** Throws a StructureError for what is not written in the notation. */
export function parseStructure(text: string): Structure {
  const words = text.match(/[A-Z][A-Z0-9]{2}|[[\]{}]|\S+/g) ?? [];
  const [elements, read] = parseElements(words, 0, null);
  if (read !== words.length) throw new StructureError(`'${words[read]}' closes what was not opened`);
  const steps: Step[] = [];
  const begin = reserve(steps);
  const end = build(steps, { kind: 'sequence', elements }, begin);
  return { steps, end };
}

function parseElements(words: readonly string[], from: number, closing: string | null): [Element[], number] {
  const elements: Element[] = [];
  let at = from;
  while (at < words.length) {
    const word = words[at] ?? '';
    if (word === ']' || word === '}') {
      if (word !== closing) throw new StructureError(`'${word}' closes what was not opened`);
      return [elements, at];
    }
    if (word === '[' || word === '{') {
      const [inner, end] = parseElements(words, at + 1, word === '[' ? ']' : '}');
      if (end >= words.length) throw new StructureError(`'${word}' is not closed`);
      if (inner.length === 0) throw new StructureError(`'${word}' holds nothing`);
      elements.push({ kind: word === '[' ? 'optional' : 'repeated', elements: inner });
      at = end + 1;
    } else if (/^[A-Z][A-Z0-9]{2}$/.test(word)) {
      elements.push({ kind: 'segment', name: word });
      at++;
    } else throw new StructureError(`'${word}' is no segment`);
  }
  if (closing !== null) throw new StructureError(`a '${closing}' is missing`);
  return [elements, at];
}

function reserve(steps: Step[]): number {
  steps.push({ either: [] });
  return steps.length - 1;
}

/** Returns the state after the element. */
function build(steps: Step[], element: Element, from: number): number {
  if (element.kind === 'segment') {
    const to = reserve(steps);
    steps[from] = { on: element.name, to };
    return to;
  }
  const entry = element.kind === 'sequence' ? from : reserve(steps);
  const last = element.elements.reduce((state, inner) => build(steps, inner, state), entry);
  if (element.kind === 'sequence') return last;
  const after = reserve(steps);
  if (element.kind === 'optional') {
    steps[from] = { either: [entry, after] };
    steps[last] = { either: [after] };
  } else {
    steps[from] = { either: [entry] };
    steps[last] = { either: [entry, after] };
  }
  return after;
}

export type Misplaced = {
  /** Index of the segment that has no place; the count of segments where the message ends too early. */
  readonly index: number;
  readonly expected: readonly string[];
};

/** Null where the names are in an order that the structure allows. */
export function misplacedSegment(structure: Structure, names: readonly string[]): Misplaced | null {
  let states = reach(structure, [0]);
  for (const [index, name] of names.entries()) {
    const next = reach(
      structure,
      states.flatMap((state) => {
        const step = structure.steps[state];
        return step !== undefined && 'on' in step && step.on === name ? [step.to] : [];
      }),
    );
    if (next.length === 0) return { index, expected: expectedIn(structure, states) };
    states = next;
  }
  if (states.includes(structure.end)) return null;
  return { index: names.length, expected: expectedIn(structure, states) };
}

function reach(structure: Structure, from: readonly number[]): number[] {
  const reached = new Set<number>();
  const open = [...from];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (reached.has(state)) continue;
    reached.add(state);
    const step = structure.steps[state];
    if (step !== undefined && 'either' in step) open.push(...step.either);
  }
  return [...reached];
}

function expectedIn(structure: Structure, states: readonly number[]): string[] {
  const names = states.flatMap((state) => {
    const step = structure.steps[state];
    return step !== undefined && 'on' in step ? [step.on] : [];
  });
  return [...new Set(names)].sort();
}
