/**
 * Which segment of the control is which of the candidate. A segment that was dropped, added or moved must be named
 * itself and leave the others where they are, so this is an alignment of least cost (Needleman-Wunsch) in which a gap costs
 * less than taking two different segments for one; with the way out that a message of thousands of segments needs.
 */

import { firstFieldOf } from '../hl7/reader.ts';
import { alignByAnchors, type Pairs } from './anchors.ts';
import { hasSameDelimiters, isSameSpan, type Side } from './side.ts';

export type Alignment = {
  readonly pairs: readonly (readonly [Side, Side])[];
  /** In both, but not where the other has it; these are among the pairs too. */
  readonly moved: readonly (readonly [Side, Side])[];
  readonly missing: readonly Side[];
  readonly extra: readonly Side[];
};

const GAP = 1;
const NEVER = Number.POSITIVE_INFINITY;
/** Cells of the table, some 4 MB. Larger differing stretches are cut into smaller ones, else matched by key and turn. */
const CELLS_LIMIT = 500_000;
/** More changed segments than this in one pair are no pair that anyone reads by segment. */
const UNCROSS_LIMIT = 200;

export function alignSegments(control: readonly Side[], candidate: readonly Side[]): Alignment {
  let head = 0;
  while (isAnchor(control[head], candidate[head])) head++;
  let tail = 0;
  const most = Math.min(control.length, candidate.length) - head;
  while (tail < most && isAnchor(control[control.length - 1 - tail], candidate[candidate.length - 1 - tail])) tail++;
  const left = control.slice(head, control.length - tail);
  const right = candidate.slice(head, candidate.length - tail);
  const after = (index: number): [Side | undefined, Side | undefined] => [
    control[control.length - tail + index],
    candidate[candidate.length - tail + index],
  ];
  const aligned = [
    ...control.slice(0, head).flatMap((side, index) => pairOf(side, candidate[index])),
    ...alignMiddle(left, right),
    ...Array.from({ length: tail }, (_, index) => pairOf(...after(index))).flat(),
  ];
  return settleMoved(left, right, aligned);
}

function alignMiddle(left: readonly Side[], right: readonly Side[]): Pairs {
  if (left.length === right.length && left.every((side, index) => isLike(side, right[index]))) {
    return left.flatMap((side, index) => pairOf(side, right[index]));
  }
  if (left.length * right.length <= CELLS_LIMIT) return byCost(left, right);
  return alignByAnchors({ left, right }, hasSetId, alignMiddle) ?? byTurn(left, right);
}

/** What is left on both sides and is the same segment has moved. */
function settleMoved(
  control: readonly Side[],
  candidate: readonly Side[],
  aligned: readonly (readonly [Side, Side])[],
): Alignment {
  if (control.length === 0 && candidate.length === 0) return { ...uncross(aligned), missing: [], extra: [] };
  const taken = new Set(aligned.flat());
  const missing = control.filter((side) => !taken.has(side));
  const extra = new Set(candidate.filter((side) => !taken.has(side)));
  const moved: (readonly [Side, Side])[] = [];
  const dropped = missing.filter((side) => {
    const found = [...extra].find((other) => isLike(side, other) && (side.key !== '' || similarity(side, other) === 1));
    if (found === undefined) return true;
    extra.delete(found);
    moved.push([side, found]);
    return false;
  });
  const settled = uncross(aligned);
  return {
    pairs: [...settled.pairs, ...moved],
    moved: [...settled.moved, ...moved],
    missing: dropped,
    extra: [...extra],
  };
}

/** Two of a kind in each other's place (the lines of a text, say) have moved; they have not both changed. */
function uncross(pairs: readonly (readonly [Side, Side])[]): Pick<Alignment, 'pairs' | 'moved'> {
  const changed = pairs.filter(
    ([left, right]) => !areSingle(left, right) && !isEqual(left, right) && similarity(left, right) < 1,
  );
  if (changed.length < 2 || changed.length > UNCROSS_LIMIT) return { pairs, moved: [] };
  const free = new Set(changed.map(([, right]) => right));
  const moved = new Map<Side, Side>();
  for (const [left] of changed) {
    const found = [...free].find((right) => isLike(left, right) && similarity(left, right) === 1);
    if (found === undefined) continue;
    free.delete(found);
    moved.set(left, found);
  }
  if (moved.size === 0) return { pairs, moved: [] };
  const partners = new Map(moved);
  for (const [left] of changed) {
    const like = [...free].find((right) => right.segment.name === left.segment.name);
    if (moved.has(left) || like === undefined) continue;
    free.delete(like);
    partners.set(left, like);
  }
  return { pairs: pairs.map(([left, right]) => [left, partners.get(left) ?? right]), moved: [...moved] };
}

function areSingle(left: Side, right: Side): boolean {
  return left.isSingle && right.isSingle;
}

function isEqual(left: Side, right: Side): boolean {
  return (
    isSameSpan(left.message, left.segment, right.message, right.segment) &&
    hasSameDelimiters(left.message, right.message)
  );
}

function pairOf(left: Side | undefined, right: Side | undefined): (readonly [Side, Side])[] {
  return left === undefined || right === undefined ? [] : [[left, right]];
}

function isLike(left: Side | undefined, right: Side | undefined): boolean {
  return left?.segment.name === right?.segment.name && left?.key === right?.key;
}

/** Surely the same: nothing is lost by not looking further. */
function isAnchor(left: Side | undefined, right: Side | undefined): boolean {
  if (left === undefined || right === undefined || left.segment.name !== right.segment.name) return false;
  if (areSingle(left, right)) return true;
  return hasSameDelimiters(left.message, right.message)
    ? isSameSpan(left.message, left.segment, right.message, right.segment)
    : false;
}

function byCost(left: readonly Side[], right: readonly Side[]): (readonly [Side, Side])[] {
  const width = right.length + 1;
  const costs = new Float64Array((left.length + 1) * width);
  const pairing = new Float64Array(left.length * right.length);
  for (let column = 1; column < width; column++) costs[column] = column * GAP;
  for (let row = 1; row <= left.length; row++) {
    costs[row * width] = row * GAP;
    for (let column = 1; column < width; column++) {
      const cost = costOf(left[row - 1], right[column - 1]);
      pairing[(row - 1) * right.length + column - 1] = cost;
      const both = (costs[(row - 1) * width + column - 1] ?? 0) + cost;
      const drop = (costs[(row - 1) * width + column] ?? 0) + GAP;
      const add = (costs[row * width + column - 1] ?? 0) + GAP;
      costs[row * width + column] = Math.min(both, drop, add);
    }
  }
  return traceBack(left, right, costs, pairing);
}

function traceBack(
  left: readonly Side[],
  right: readonly Side[],
  costs: Float64Array,
  pairing: Float64Array,
): (readonly [Side, Side])[] {
  const width = right.length + 1;
  const pairs: (readonly [Side, Side])[] = [];
  let row = left.length;
  let column = right.length;
  while (row > 0 && column > 0) {
    const here = costs[row * width + column] ?? 0;
    const both =
      (costs[(row - 1) * width + column - 1] ?? 0) + (pairing[(row - 1) * right.length + column - 1] ?? NEVER);
    if (here === both) {
      pairs.unshift(...pairOf(left[row - 1], right[column - 1]));
      row--;
      column--;
    } else if (here === (costs[(row - 1) * width + column] ?? 0) + GAP) row--;
    else column--;
  }
  return pairs;
}

/** Below two gaps only where the two are more alike than not. */
function costOf(left: Side | undefined, right: Side | undefined): number {
  if (left === undefined || right === undefined || left.segment.name !== right.segment.name) return NEVER;
  if (areSingle(left, right)) return 0;
  const alike = similarity(left, right);
  if (alike === 1) return 0;
  if (left.key === right.key && left.key !== '') return 0.1 + 0.5 * (1 - alike);
  // Without a key (a comment, a Z-segment) one in the other's place is rather the same one, changed.
  if (left.key === '' && right.key === '') return 0.3 + 0.9 * (1 - alike);
  return alike >= 0.5 ? 0.9 + (1 - alike) : NEVER;
}

/** The share of fields that are equal, of those that hold anything; field 1 (a set id as a rule) does not count. */
function similarity(left: Side, right: Side): number {
  const last = Math.max(left.fields.length, right.fields.length);
  let filled = 0;
  let equal = 0;
  for (let field = firstFieldOf(left.segment); field < last; field++) {
    const [a, b] = [left.fields[field], right.fields[field]];
    const isEmpty = (a === undefined || a.end === a.start) && (b === undefined || b.end === b.start);
    if (isEmpty || (field === 1 && last > 2 && hasSetId(left.segment.name))) continue;
    filled++;
    if (a !== undefined && b !== undefined && isSameSpan(left.message, a, right.message, b)) equal++;
  }
  return filled === 0 ? 1 : equal / filled;
}

/** Segments whose first field counts them (type SI in every version). */
const COUNTED: ReadonlySet<string> = new Set([
  'OBR',
  'OBX',
  'NTE',
  'SPM',
  'DG1',
  'AL1',
  'IN1',
  'NK1',
  'GT1',
  'PID',
  'PV1',
  'TQ1',
  'FT1',
]);

export function hasSetId(name: string): boolean {
  return COUNTED.has(name) || name.startsWith('Z');
}

/** For stretches too large for the table, with nothing alike in them: the n-th of a name and key is the n-th of it on the other side. */
function byTurn(left: readonly Side[], right: readonly Side[]): (readonly [Side, Side])[] {
  const waiting = new Map<string, Side[]>();
  for (const side of right) {
    const name = `${side.segment.name}\0${side.key}`;
    const list = waiting.get(name);
    if (list === undefined) waiting.set(name, [side]);
    else list.push(side);
  }
  for (const list of waiting.values()) list.reverse();
  return left.flatMap((side) => pairOf(side, waiting.get(`${side.segment.name}\0${side.key}`)?.pop()));
}
