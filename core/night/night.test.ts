/** The night after a switch: given counters at the switch and now, then what has to go back, what is on watch, and the sums. */
import { expect, test } from 'vitest';
import { type ConnectionStatus, type Counters, countersSchema, noCounters } from '../admin-api.ts';
import { statusExample } from '../connection-status.example.ts';
import { EMPTY_NIGHT, type Switched, switchOf, underPresentNames } from './night-file.ts';
import { adviceOn, stopsOf } from './stop-rules.ts';
import { morningLines, onWatch, type Watched } from './watch.ts';

const BEFORE: Counters = { ...noCounters(), received: 1000, outputs: 1000, delivered: 900, destinationRejected: 90 };
const SWITCHED = { phase: 'switched', newWeight: 0, epoch: 3 } as const;
const since: Switched = { epoch: 3, at: '2026-03-07T23:10:00.000Z', by: 'lead', pauseMs: 700, counters: BEFORE };

function status(over: Partial<ConnectionStatus> = {}, more: Partial<Counters> = {}): ConnectionStatus {
  const added = new Map(Object.entries(more));
  const sums = Object.entries(BEFORE).map(([key, value]) => [key, value + (added.get(key) ?? 0)]);
  const counters = countersSchema.parse(Object.fromEntries(sums));
  return statusExample(SWITCHED, {
    changed: { by: 'lead', at: since.at, reason: null },
    observed: { epoch: 3, deliveredFrom: 'new', at: since.at },
    counters,
    ...over,
  });
}

const rules = (over: Partial<ConnectionStatus>, more: Partial<Counters> = {}): string[] =>
  stopsOf(status(over, more), since).map(({ rule }) => rule);

test('what was there before the switch, and one bad message of many, stop nothing', () => {
  expect(rules({})).toEqual([]);
  expect(rules({}, { received: 100, outputs: 100, delivered: 98, destinationRejected: 2 })).toEqual([]);
  expect(rules({}, { received: 100, outputs: 100, delivered: 95, destinationRejected: 5 })).toEqual([]);
  expect(rules({}, { received: 2 })).toEqual([]);
});

test.each([
  ['destination-rejects', {}, { received: 100, outputs: 100, delivered: 90, destinationRejected: 10 }],
  ['new-rejects', {}, { received: 40, outputs: 30, delivered: 30, rejected: 10 }],
  ['unanswered', {}, { received: 10, outputs: 5, delivered: 5, unanswered: 5 }],
  ['no-outputs', {}, { received: 20 }],
  ['decisions', { decisions: 1 }, {}],
] as const)('%s stops its connection', (rule, over, more) => {
  expect(rules(over, more)).toEqual([rule]);
});

test('a connection that was renamed since its switch is judged by it all the same', () => {
  const { name } = status();
  const night = underPresentNames({ connections: { former: since } }, new Map([['former', name]]));
  expect(switchOf(night, status())).toEqual(since);
});

test('a wave goes back only where most of it stops for one cause', () => {
  const stops = (count: number, rule: 'no-outputs' | 'decisions') =>
    Array.from({ length: count }, (_, index) => ({ name: `${rule}-${index}`, rule, reason: '' }));
  expect(adviceOn(stops(2, 'no-outputs'), 2).sharedCause).toBeNull();
  expect(adviceOn(stops(5, 'no-outputs'), 50).sharedCause).toBeNull();
  expect(adviceOn([...stops(3, 'no-outputs'), ...stops(3, 'decisions')], 6).sharedCause).toBeNull();
  expect(adviceOn([...stops(26, 'no-outputs'), ...stops(3, 'decisions')], 50).sharedCause).toBe('no-outputs');
});

test('a practice is on watch until orders and results have both delivered a real message of the new epoch', () => {
  const watched = (name: string, direction: 'orders' | 'results', over: Partial<ConnectionStatus> = {}): Watched => ({
    status: status({ name, ...over }),
    practice: 'north',
    direction,
    since,
  });
  const silent = { observed: null };
  const old = { observed: { epoch: 2, deliveredFrom: 'legacy' as const, at: since.at } };
  expect(onWatch([watched('o', 'orders'), watched('r', 'results')])).toEqual([]);
  expect(onWatch([watched('o', 'orders'), watched('r', 'results', silent)])).toEqual([
    { practice: 'north', unproven: ['r'], directions: ['results'] },
  ]);
  expect(onWatch([watched('o', 'orders', old), watched('r', 'results', silent)])).toMatchObject([
    { directions: ['orders', 'results'] },
  ]);
  expect(onWatch([watched('o', 'orders', { ...silent, phase: 'parallel' })])).toEqual([]);
});

test('the morning counts from the switch, and only what is still of that switch', () => {
  const one: Watched = {
    status: status({}, { received: 12, delivered: 11, destinationRejected: 1 }),
    practice: 'north',
    direction: 'orders',
    since,
  };
  expect(morningLines([one, { ...one, since: null }])).toMatchObject([
    { name: 'a', received: 12, delivered: 11, destinationRejected: 1, pauseMs: 700, proven: true },
  ]);
  const file = { connections: { a: since } };
  expect(switchOf(file, status())).toEqual(since);
  expect(switchOf(file, status({ epoch: 4, phase: 'parallel' }))).toBeNull();
  expect(switchOf(file, status({ epoch: 5 }))).toBeNull();
  expect(switchOf(EMPTY_NIGHT, status())).toBeNull();
});
