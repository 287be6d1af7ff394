/**
 * Stretches of thousands of segments, too long for a table of costs: what both have alike and once (a set id aside) is the
 * same segment, and what lies between two of those is aligned by itself (a patience diff). So one line dropped from a long
 * text is that one line, also where all those behind it are numbered anew.
 */
import { hasSameDelimiters, type Side } from './side.ts';

export type Pairs = readonly (readonly [Side, Side])[];
type Stretch = { readonly left: readonly Side[]; readonly right: readonly Side[] };

/** Null: nothing tells the two stretches apart into smaller ones. `align`: for what is between. */
export function alignByAnchors(
  { left, right }: Stretch,
  hasSetId: (name: string) => boolean,
  align: (left: readonly Side[], right: readonly Side[]) => Pairs,
): Pairs | null {
  const [first, other] = [left[0], right[0]];
  if (first === undefined || other === undefined || !hasSameDelimiters(first.message, other.message)) return null;
  const [ours, theirs] = [left, right].map((sides) => sides.map((side) => textOf(side, hasSetId)));
  if (ours === undefined || theirs === undefined) return null;
  const anchors = anchorsOf(ours, theirs);
  if (anchors.length === 0) return null;
  const pairs: (readonly [Side, Side])[] = [];
  let [fromLeft, fromRight] = [0, 0];
  for (const [atLeft, atRight] of [...anchors, [left.length, right.length] as const]) {
    const between = [left.slice(fromLeft, atLeft), right.slice(fromRight, atRight)] as const;
    for (const pair of align(...between)) pairs.push(pair);
    const [a, b] = [left[atLeft], right[atRight]];
    if (a !== undefined && b !== undefined) pairs.push([a, b]);
    [fromLeft, fromRight] = [atLeft + 1, atRight + 1];
  }
  return pairs;
}

/** Each byte one character, without the set id. */
function textOf({ message, segment, fields }: Side, hasSetId: (name: string) => boolean): string {
  const { buffer, byteOffset } = message.bytes;
  const read = (start: number, end: number): string =>
    Buffer.from(buffer, byteOffset + start, end - start).toString('latin1');
  const id = fields.length > 2 && hasSetId(segment.name) ? fields[1] : undefined;
  if (id === undefined) return read(segment.start, segment.end);
  return read(segment.start, id.start) + read(id.end, segment.end);
}

type Place = readonly [number, number];

/** Alike at both ends, or there once on both sides and in one order. */
function anchorsOf(left: readonly string[], right: readonly string[]): readonly Place[] {
  const most = Math.min(left.length, right.length);
  let head = 0;
  while (head < most && left[head] === right[head]) head++;
  let tail = 0;
  while (tail < most - head && left.at(-1 - tail) === right.at(-1 - tail)) tail++;
  const once = onceIn(right, head, right.length - tail);
  const both: Place[] = [];
  for (const [text, at] of onceIn(left, head, left.length - tail)) {
    const other = once.get(text);
    if (at !== null && other !== undefined && other !== null) both.push([at, other]);
  }
  return [
    ...Array.from({ length: head }, (_, index): Place => [index, index]),
    ...longestRising(both),
    ...Array.from({ length: tail }, (_, index): Place => [left.length - tail + index, right.length - tail + index]),
  ];
}

/** Where each text stands; null: at several places. In order of their first. */
function onceIn(texts: readonly string[], from: number, to: number): Map<string, number | null> {
  const places = new Map<string, number | null>();
  for (let at = from; at < to; at++) {
    const text = texts[at] ?? '';
    places.set(text, places.has(text) ? null : at);
  }
  return places;
}

/** The most places whose second number rises with the first. */
function longestRising(places: readonly Place[]): readonly Place[] {
  type Link = { readonly place: Place; readonly before: Link | null };
  const ends: Link[] = [];
  for (const place of places) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle]?.place[1] ?? 0) < place[1]) low = middle + 1;
      else high = middle;
    }
    ends[low] = { place, before: ends[low - 1] ?? null };
  }
  const rising: Place[] = [];
  for (let link = ends.at(-1) ?? null; link !== null; link = link.before) rising.push(link.place);
  return rising.reverse();
}
