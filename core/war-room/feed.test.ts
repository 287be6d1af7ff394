/** What a page is told after the first time: all that is new, also what another gateway tells late. */
import { expect, test } from 'vitest';
import { summarise } from './board.ts';
import { mergeBounded, type Pause, patchBetween, type TimelineEntry, type Whole } from './feed.ts';

const entry = (atMs: number, connection: string): TimelineEntry => ({
  atMs,
  connection,
  epoch: 2,
  phase: 'parallel',
  newWeight: 0,
  by: 'ada',
  origin: 'verb',
  reason: null,
  forced: false,
});
const whole = (timeline: readonly TimelineEntry[], pauses: readonly Pause[] = []): Whole => ({
  deployment: 'lab',
  stack: 'test',
  tiles: [],
  summary: summarise([]),
  samples: [],
  pauses,
  timeline,
  decisions: [],
  approvals: [],
  gate: null,
  sources: [],
  atMs: 1,
});

test('an older move that is heard of later is told too, and stands in its place', () => {
  const first = [entry(1_000, 'a'), entry(2_000, 'b')];
  const late = entry(1_500, 'c');
  const next = mergeBounded(first, [late], 100);
  expect(patchBetween(whole(first), whole(next)).timeline).toEqual([late]);
  expect(next.map(({ connection }) => connection)).toEqual(['a', 'c', 'b']);
});

test('two moves of one moment are two, and nothing new is nothing', () => {
  const first = [entry(1_000, 'a')];
  const next = mergeBounded(first, [entry(1_000, 'b')], 100);
  expect(patchBetween(whole(first), whole(next)).timeline).toHaveLength(1);
  expect(patchBetween(whole(next), whole(next)).timeline).toBeUndefined();
});

test('the oldest go where there are too many', () => {
  const many = mergeBounded([entry(1, 'a'), entry(3, 'b')], [entry(2, 'c')], 2);
  expect(many.map(({ connection }) => connection)).toEqual(['c', 'b']);
});
