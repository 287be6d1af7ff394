import { expect, test } from 'vitest';
import type { ReconcileDocument } from '../../core/reconcile/document.ts';
import { formatReconcile } from './print.ts';
import { windowOf } from './window.ts';

const NOW = Date.parse('2026-06-02T03:04:05Z');
const MINUTE_MS = 60_000;

test('without --until the window ends far enough ahead for any clock, and is told as going on to now', () => {
  const window = windowOf({ since: '12h' }, NOW);
  expect(window).toEqual({
    sinceMs: Date.parse('2026-06-01T15:04:00Z'),
    untilMs: NOW + 10 * MINUTE_MS,
    isOpen: true,
  });
  expect(headOf(window)).toBe('lab-1: 2026-06-01 15:04 UTC to now');
});

test('with --until it ends with that minute, and its end is told', () => {
  const window = windowOf({ since: '2026-06-01T22:00:00-05:00', until: '1m' }, NOW);
  expect(window).toEqual({
    sinceMs: Date.parse('2026-06-02T03:00:00Z'),
    untilMs: Date.parse('2026-06-02T03:04:00Z'),
    isOpen: false,
  });
  expect(headOf(window)).toBe('lab-1: 2026-06-02 03:00 UTC to 2026-06-02 03:04 UTC');
});

test('without either it is from the beginning to now', () => {
  expect(headOf(windowOf({}, NOW))).toBe('lab-1: from the beginning to now');
});

test.each([
  { since: '1h', until: '2h' },
  { since: '2026-06-01T22:00:00' },
  { until: 'yesterday' },
  { since: '2026-05-32T00:00:00Z' },
  { since: '2026-02-30T00:00:00Z' },
  { until: '2026-06-31T00:00:00+02:00' },
])('%o is refused before anything is asked', (args) => {
  expect(() => windowOf(args, NOW)).toThrow(/--(since|until)/);
});

const EMPTY: ReconcileDocument = {
  verb: 'reconcile',
  ok: true,
  exitCode: 0,
  verdict: 'green',
  reasons: [],
  deployment: 'lab-1',
  window: { since: '', until: '' },
  accountedUpTo: null,
  connections: [],
  outside: [],
  orders: [],
  engines: [],
  proofFile: null,
  evidence: null,
  warnings: [],
  nextSteps: [],
};

/** The first line that a person reads. */
function headOf({ sinceMs, untilMs, isOpen }: ReturnType<typeof windowOf>): string {
  const document: ReconcileDocument = {
    ...EMPTY,
    window: { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() },
  };
  return formatReconcile(document, isOpen).split('\n')[0] ?? '';
}
