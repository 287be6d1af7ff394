/** Moves beside the verbs are told once, together, and those of verbs are left to the verbs. */
import { expect, test } from 'vitest';
import type { TimelineEntry } from '../war-room/feed.ts';
import { addMoves, MOVES_LIMITS, NOTHING_PENDING, takeMoves } from './moves.ts';

const entry = (connection: string, more: Partial<TimelineEntry> = {}): TimelineEntry => ({
  atMs: 1_000,
  connection,
  epoch: 3,
  phase: 'switched',
  newWeight: 0,
  by: 'ada',
  origin: 'pulumi',
  reason: 'John Doe 1970',
  forced: false,
  ...more,
});
const source = (nowMs: number) => ({
  deployment: 'lab',
  stack: 'test',
  waveOf: new Map([
    ['a', 'pilot'],
    ['b', 'pilot'],
  ]),
  nowMs,
});
const { quietMs, waitMs } = MOVES_LIMITS;

test('what comes in over seconds is one notice, without the reason that somebody typed', () => {
  const one = addMoves(NOTHING_PENDING, [entry('a')], 1_000);
  expect(takeMoves(one, source(1_000 + quietMs - 1)).notices).toEqual([]);
  const two = addMoves(one, [entry('b', { atMs: 4_000 })], 4_000);
  const { pending, notices } = takeMoves(two, source(4_000 + quietMs));
  expect(notices).toMatchObject([{ events: ['phase'], title: 'pulumi up: 2 connections are switched' }]);
  expect(notices[0]?.facts).toContainEqual(['moved', 'a, b']);
  expect(JSON.stringify(notices)).not.toContain('John Doe');
  expect(takeMoves(pending, source(1_000_000)).notices).toEqual([]);
});

test('moves of verbs, and the birth of a connection, are not told here', () => {
  const origins = ['verb', 'init'] as const;
  expect(
    addMoves(
      NOTHING_PENDING,
      origins.map((origin) => entry('a', { origin })),
      1,
    ),
  ).toEqual(NOTHING_PENDING);
});

test('each place and each way is told of its own', () => {
  const mixed = [entry('a'), entry('b', { phase: 'parallel', newWeight: 5 }), entry('b', { origin: 'api', by: 'bob' })];
  const { notices } = takeMoves(addMoves(NOTHING_PENDING, mixed, 0), source(quietMs));
  expect(notices.map(({ title }) => title)).toEqual([
    'pulumi up: 1 connection is switched',
    'pulumi up: 1 connection is parallel with 5% on new',
    'admin API: 1 connection is switched',
  ]);
});

test('a stream of moves that never ends is told after a minute', () => {
  let pending = NOTHING_PENDING;
  for (let nowMs = 0; nowMs <= waitMs; nowMs += 1_000) pending = addMoves(pending, [entry(`c${nowMs}`)], nowMs);
  expect(takeMoves(pending, source(waitMs)).notices).toMatchObject([
    { title: 'pulumi up: 61 connections are switched' },
  ]);
});
