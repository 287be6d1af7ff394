/**
 * What a replay of old messages came to. Messages were sent one at a time, so that it is known which outputs each of them
 * brought; recorded outputs find their input by what the messages have in common. Pure.
 */
import type { MessageId } from '../admin-api.ts';
import type { ComparedDifference } from '../compare-document.ts';
import { fieldText, keyOf } from '../hl7/message.ts';
import type { CompiledRules } from '../rules/compiled.ts';
import { mergeGroups } from './judgement.ts';
import { comparePayloads } from './pair.ts';
import type { Pair } from './suggest.ts';

export type Replayed = {
  readonly input: Uint8Array;
  readonly answered: boolean;
  readonly outputs: readonly Uint8Array[];
};

export type ReplayResult = {
  readonly compared: number;
  readonly matched: number;
  readonly differences: readonly ComparedDifference[];
  readonly pairs: readonly Pair[];
};

/** `digestOf`: SHA-256 of a payload, hex. */
export type ReplayAround = {
  readonly rules: CompiledRules;
  readonly correlate: readonly string[] | null;
  readonly digestOf: (payload: Uint8Array) => string;
};

/** Recorded outputs of legacy against those of the platform that got the same messages now. */
export function compareReplay(
  replayed: readonly Replayed[],
  recorded: readonly Uint8Array[],
  around: ReplayAround,
): ReplayResult {
  const { byInput, unknown } = assign(replayed, recorded, around.correlate);
  const result = compareOutputs(
    replayed.map(({ outputs }, index) => ({ before: byInput.get(index) ?? [], now: outputs })),
    around,
  );
  const strangers = unknown.map((payload) => lack('missing-candidate', payload, around, 'no input is known for it'));
  return { ...result, differences: [...strangers, ...result.differences] };
}

/** The same messages through the same platform twice: what differs is what it changes from run to run. */
export function compareRuns(
  first: readonly Replayed[],
  second: readonly Replayed[],
  around: ReplayAround,
): ReplayResult {
  return compareOutputs(
    first.map(({ outputs }, index) => ({ before: outputs, now: second[index]?.outputs ?? [] })),
    around,
  );
}

function compareOutputs(
  inputs: readonly { readonly before: readonly Uint8Array[]; readonly now: readonly Uint8Array[] }[],
  around: ReplayAround,
): ReplayResult {
  const pairs: Pair[] = [];
  const groups: Parameters<typeof mergeGroups>[0][number][] = [];
  const lacking: ComparedDifference[] = [];
  let matched = 0;
  inputs.forEach(({ before, now }) => {
    for (let at = 0; at < Math.max(before.length, now.length); at++) {
      const [control, candidate] = [before[at], now[at]];
      if (candidate === undefined) {
        if (control !== undefined) lacking.push(lack('missing-candidate', control, around, ''));
      } else if (control === undefined) lacking.push(lack('extra-candidate', candidate, around, ''));
      else {
        pairs.push({ control, candidate, controlPlatform: 'legacy' });
        const differences = comparePayloads(control, candidate, 'legacy', around.rules);
        if (differences.every(({ rule }) => rule !== null)) matched++;
        for (const { path, kind, code, shape, rule } of differences) {
          groups.push({ ...GROUP, path, kind, code, shape, rule, exampleIds: [idOf(control, around)] });
        }
      }
    }
  });
  return { compared: pairs.length, matched, differences: [...mergeLacking(lacking), ...mergeGroups(groups)], pairs };
}

const GROUP = {
  connection: '',
  epoch: 0,
  basis: '',
  count: 1,
  pairs: 1,
  magnitude: null,
  firstAtMs: 0,
  lastAtMs: 0,
} as const;

function lack(kind: string, payload: Uint8Array, around: ReplayAround, shape: string): ComparedDifference {
  return { path: 'message', kind, code: null, shape, count: 1, pairs: 1, exampleIds: [idOf(payload, around)] };
}

function mergeLacking(each: readonly ComparedDifference[]): ComparedDifference[] {
  const merged = new Map<string, ComparedDifference>();
  for (const one of each) {
    const known = merged.get(one.kind);
    const exampleIds = [...(known?.exampleIds ?? []), ...one.exampleIds].slice(0, 5);
    merged.set(one.kind, { ...one, count: (known?.count ?? 0) + 1, pairs: (known?.pairs ?? 0) + 1, exampleIds });
  }
  return [...merged.values()];
}

function idOf(payload: Uint8Array, { digestOf }: ReplayAround): MessageId {
  return { msh10: fieldText(payload, 'MSH-10') ?? '', sha256: digestOf(payload).slice(0, 12), at: 'replay' };
}

/** In order: of inputs that have the same mark, the oldest that has no output yet; where all have one, the newest. */
function assign(
  replayed: readonly Replayed[],
  recorded: readonly Uint8Array[],
  correlate: readonly string[] | null,
): { readonly byInput: ReadonlyMap<number, readonly Uint8Array[]>; readonly unknown: readonly Uint8Array[] } {
  const byMark = new Map<string, number[]>();
  replayed.forEach(({ input }, index) => {
    for (const mark of marksOf(input, correlate)) byMark.set(mark, [...(byMark.get(mark) ?? []), index]);
  });
  const byInput = new Map<number, Uint8Array[]>();
  const unknown: Uint8Array[] = [];
  for (const payload of recorded) {
    const candidates = marksOf(payload, correlate)
      .map((mark) => byMark.get(mark))
      .find((found) => found !== undefined);
    const index = candidates?.find((one) => !byInput.has(one)) ?? candidates?.at(-1);
    if (index === undefined) unknown.push(payload);
    else byInput.set(index, [...(byInput.get(index) ?? []), payload]);
  }
  return { byInput, unknown };
}

/** What tells a message from others, the surest first. */
function marksOf(payload: Uint8Array, correlate: readonly string[] | null): string[] {
  const key = correlate === null ? null : keyOf(payload, correlate);
  const msh10 = fieldText(payload, 'MSH-10') ?? '';
  const placer = fieldText(payload, 'ORC-2') || fieldText(payload, 'OBR-2') || '';
  const filler = fieldText(payload, 'ORC-3') || fieldText(payload, 'OBR-3') || '';
  const status = fieldText(payload, 'OBR-25') ?? '';
  return [
    ...(key === null ? [] : [`k ${key}`]),
    ...(msh10 === '' ? [] : [`m ${msh10}`]),
    ...(placer === '' && filler === '' ? [] : [`o ${placer}\0${filler}\0${status}`]),
  ];
}
