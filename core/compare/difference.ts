/**
 * What a comparison finds. A difference says where and of what kind, never what the values are: its shape is made of
 * classes of values (docs/adr/0020-shapes-without-values.md), so that it may be counted, stored and shown.
 */

export const DIFFERENCE_KINDS = [
  'segment-missing',
  'segment-extra',
  'segment-moved',
  'repetition-missing',
  'repetition-extra',
  'repetitions-moved',
  'components-swapped',
  'value',
  'value-missing',
  'value-extra',
  'truncated',
  'number-format',
  'date-format',
  'charset',
  'escape',
  'null-against-empty',
  'spelling',
  'destination',
  'answer',
  'delay',
  'order',
  'unreadable',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

export type Difference = {
  /** `OBX-5`, `PID-5.2`, `ZRP` for a whole segment; `destination`, `answer`, `delay`, `order`, `message` for the rest. */
  readonly path: string;
  readonly kind: DifferenceKind;
  /** The diff rule that accepts it, as `name@digest` of its content; null: nobody has accepted it. */
  readonly rule: string | null;
  /** The observation's or order's code where the segment has one (OBX-3.1, OBR-4.1). */
  readonly code: string | null;
  /** The control's segment, counted from 1 (the candidate's where the control has none); 0: not in a segment. */
  readonly segment: number;
  /** `9.9 against 9`: classes only, no message content. */
  readonly shape: string;
  /** Of an accepted difference: what the rule hides here. Digests of patient data stay in the proof store. */
  readonly hidden: Hidden | null;
};

export type Hidden = {
  /** 16 hex digits over both values: tells distinct pairs apart. */
  readonly pair: string;
  /** Where both values are numbers. */
  readonly numericDifference: number | null;
};

/** One text for all differences that are the same thing: they are counted together. */
export function groupOf(difference: Difference): string {
  const { path, kind, code, shape } = difference;
  return [code === null ? path : `${path} of ${code}`, `${kind}: ${shape}`].join(': ');
}
