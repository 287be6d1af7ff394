/** A criterion is met only by what was measured: everything that is missing makes it unknown, never green. */
import { expect, test } from 'vitest';
import type { Charter } from '../planning/charter.ts';
import { type Answer, answersOf, type Figures } from './answers.ts';
import { longestPauses } from './longest-pauses.ts';

const SATURDAY_NIGHT = { days: ['sat'], from: '22:00', to: '04:00', timeZone: 'UTC' } as const;
const IN_IT = Date.UTC(2026, 2, 7, 23);

const GOOD: Figures = {
  connections: [
    {
      name: 'a',
      phase: 'switched',
      hasFeed: true,
      window: SATURDAY_NIGHT,
      pauseLimitMs: 2500,
      longestPauseMs: 400,
      pairs: 100,
      open: 0,
      outOfOrder: 0,
    },
  ],
  moves: [
    { connection: 'a', atMs: IN_IT, isTowardsNew: true, isRollback: false, approval: 'sha256:x' },
    { connection: 'a', atMs: IN_IT, isTowardsNew: false, isRollback: true, approval: null },
  ],
  reconciled: new Map([['a', { owed: 100, lost: 0, doubled: 0, grade: 'B', isBalanced: true }]]),
  drilled: new Set(),
  signed: new Set(['sha256:x']),
};

function verdicts(figures: Figures, charter: Charter | null = null): Record<string, Answer['verdict']> {
  return Object.fromEntries(
    answersOf(charter, figures).map(({ text, measure, verdict }) => [measure ?? text, verdict]),
  );
}

const [one] = GOOD.connections;
if (one === undefined) throw new Error('a connection');
const [forward, back] = GOOD.moves;
if (forward === undefined || back === undefined) throw new Error('two moves');

test('where everything was measured and is well, every criterion is met', () => {
  expect([...new Set(Object.values(verdicts(GOOD)))]).toEqual(['met']);
});

test('the longest pause of a renamed connection may be from before', () => {
  const pauses = [
    { connection: 'former', pauseMs: 900 },
    { connection: 'heir', pauseMs: 300 },
  ];
  expect([...longestPauses(pauses, new Map([['former', 'heir']]))]).toEqual([['heir', 900]]);
});

test('where nothing is known, nothing is met', () => {
  const nothing: Figures = {
    connections: [
      { ...one, phase: null, window: null, longestPauseMs: null, pairs: null, open: null, outOfOrder: null },
    ],
    moves: [],
    reconciled: null,
    drilled: new Set(),
    signed: new Set(),
  };
  expect(Object.values(verdicts(nothing))).not.toContain('met');
});

test.each<[keyof ReturnType<typeof verdicts>, Partial<Figures>, Answer['verdict']]>([
  ['all-moved', { connections: [{ ...one, phase: 'parallel' }] }, 'not-met'],
  [
    'no-loss',
    { reconciled: new Map([['a', { owed: 9, lost: 1, doubled: 0, grade: 'C', isBalanced: true }]]) },
    'not-met',
  ],
  [
    'no-loss',
    { reconciled: new Map([['a', { owed: 9, lost: 0, doubled: 0, grade: 'C', isBalanced: false }]]) },
    'not-met',
  ],
  ['no-loss', { reconciled: new Map() }, 'not-known'],
  [
    'no-loss',
    { reconciled: new Map([['a', { owed: 0, lost: 0, doubled: 0, grade: 'C', isBalanced: true }]]) },
    'not-known',
  ],
  [
    'no-double',
    { reconciled: new Map([['a', { owed: 9, lost: 0, doubled: 2, grade: 'C', isBalanced: true }]]) },
    'not-met',
  ],
  ['in-order', { connections: [{ ...one, outOfOrder: 1 }] }, 'not-met'],
  ['same-outputs', { connections: [{ ...one, open: 1 }] }, 'not-met'],
  ['same-outputs', { connections: [{ ...one, pairs: 0 }] }, 'not-known'],
  ['longest-pause', { connections: [{ ...one, longestPauseMs: 2501 }] }, 'not-met'],
  ['longest-pause', { connections: [{ ...one, longestPauseMs: null }] }, 'not-known'],
  ['in-window', { moves: [{ ...forward, atMs: IN_IT + 6 * 3_600_000 }] }, 'not-met'],
  ['in-window', { connections: [{ ...one, window: null }] }, 'not-known'],
  ['rollback-proven', { moves: [forward] }, 'not-met'],
  ['two-persons', { signed: new Set() }, 'not-met'],
  ['two-persons', { moves: [{ ...forward, approval: null }] }, 'not-met'],
])('%s is told by what was measured', (measure, change, verdict) => {
  expect(verdicts({ ...GOOD, ...change })[measure]).toBe(verdict);
});

test('of what has no feed nobody waits and nothing is compared: that is for a person, and hides no difference of the others', () => {
  const unfed = { ...one, name: 'b', hasFeed: false, longestPauseMs: null, pairs: null, open: null, outOfOrder: null };
  const moves = [...GOOD.moves, { ...forward, connection: 'b' }];
  const both = verdicts({ ...GOOD, connections: [one, unfed], moves });
  expect(both).toMatchObject({ 'longest-pause': 'met', 'same-outputs': 'by-a-person', 'in-order': 'by-a-person' });
  const differing = verdicts({ ...GOOD, connections: [{ ...one, open: 1 }, unfed], moves });
  expect(differing).toMatchObject({ 'same-outputs': 'not-met' });
  const alone = verdicts({ ...GOOD, connections: [unfed], moves });
  expect(alone).toMatchObject({ 'longest-pause': 'met', 'same-outputs': 'by-a-person' });
});

test("a charter's own criteria replace the standard ones; a limit is its own, and what nothing measures is for a person", () => {
  const charter: Charter = {
    purpose: 'x',
    success: [{ text: 'fast', measure: 'longest-pause', limit: 300 }, { text: 'The team is content' }],
  };
  expect(verdicts(GOOD, charter)).toEqual({ 'longest-pause': 'not-met', 'The team is content': 'by-a-person' });
});
