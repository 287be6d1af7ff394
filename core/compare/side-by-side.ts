/** Two messages side by side, aligned by segment: what a person sees who has asked for the values themselves. */
import { readMessage, textOf } from '../hl7/reader.ts';
import { alignSegments } from './align.ts';
import { type Side, sidesOf } from './side.ts';

export type SideBySide = {
  readonly control: string | null;
  readonly candidate: string | null;
  readonly differs: boolean;
};

/** In the control's order, the candidate's extra segments behind the one that they follow. Null: one is no HL7. */
export function sideBySide(control: Uint8Array, candidate: Uint8Array): readonly SideBySide[] | null {
  const [left, right] = [readMessage(control), readMessage(candidate)];
  if (left === null || right === null) return null;
  const rights = sidesOf(right);
  const { pairs } = alignSegments(sidesOf(left), rights);
  const partner = new Map<number, Side>(pairs.map(([a, b]) => [a.ordinal, b]));
  const shown = new Set<number>();
  const rows: SideBySide[] = [];
  const showExtras = (before: number): void => {
    for (const side of rights) {
      if (side.ordinal >= before || shown.has(side.ordinal) || pairs.some(([, b]) => b === side)) continue;
      shown.add(side.ordinal);
      rows.push({ control: null, candidate: lineOf(side), differs: true });
    }
  };
  for (const side of sidesOf(left)) {
    const other = partner.get(side.ordinal) ?? null;
    if (other !== null) showExtras(other.ordinal);
    const [a, b] = [lineOf(side), other === null ? null : lineOf(other)];
    rows.push({ control: a, candidate: b, differs: a !== b });
  }
  showExtras(Number.POSITIVE_INFINITY);
  return rows;
}

/** Control characters would rule the terminal. */
function lineOf({ message, segment }: Side): string {
  return textOf(message, segment).replace(/\p{Cc}/gu, '·');
}
