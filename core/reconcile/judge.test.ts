import { expect, test } from 'vitest';
import type { MessageId } from '../admin-api.ts';
import { stalenessOf } from '../proof-freshness.ts';
import type { WorkerState } from '../proof-results.ts';
import { type ConnectionFacts, type OutsideFindings, reconcileConnection } from './judge.ts';

const NONE = { total: 0, ids: [] };

function id(msh10: string): MessageId {
  return { msh10, sha256: '0'.repeat(12), at: `0/${msh10.length}` };
}

function facts(over: Partial<ConnectionFacts>): ConnectionFacts {
  return {
    name: 'north-orders',
    practice: 'north',
    direction: 'orders',
    origin: 'feed',
    classes: { delivered: 10 },
    ingress: { accepted: 10 },
    maybeSent: NONE,
    suppressed: NONE,
    uncorrelated: NONE,
    openDecisions: 0,
    undelivered: [],
    doubled: [],
    outside: null,
    exclusions: [],
    ...over,
  };
}

function outside(over: Partial<OutsideFindings>): OutsideFindings {
  return { grade: 'B', lost: [], neverArrived: [], duplicated: [], unexpected: [], ambiguous: 0, ...over };
}

test('given everything delivered, then it balances and is green', () => {
  const line = reconcileConnection(facts({ classes: { delivered: 8, filtered: 1, pending: 1 } }));
  expect(line).toMatchObject({ owed: 10, balanced: true, verdict: 'green', evidenceGrade: 'C', attempts: 10 });
});

test('given a connection without a feed, then the grade is of outputs only, and the rest is judged as ever', () => {
  const line = reconcileConnection(facts({ origin: 'platform', ingress: {} }));
  expect(line).toMatchObject({ owed: 10, attempts: 0, verdict: 'green', evidenceGrade: 'C', outputsOnly: true });
  expect(reconcileConnection(facts({}))).not.toHaveProperty('outputsOnly');
});

test('given nothing at all, then it is red', () => {
  expect(reconcileConnection(facts({ classes: {} }))).toMatchObject({ owed: 0, verdict: 'red' });
});

test.each([
  ['unexplained', { classes: { delivered: 9, unexplained: 1 }, undelivered: [id('A')] }],
  ['refused by the destination', { classes: { delivered: 9, destinationRejected: 1 }, undelivered: [id('A')] }],
  ['not in the record of the LIS', { outside: outside({ lost: [id('A')] }) }],
  ['never accepted from the source', { outside: outside({ neverArrived: [id('A')] }) }],
] as const)('given one %s, then it is missing by id and nothing balances', (_what, over) => {
  const line = reconcileConnection(facts(over));
  expect(line.missing.map(({ msh10 }) => msh10)).toEqual(['A']);
  expect(line).toMatchObject({ balanced: false, verdict: 'red' });
  const { delivered, destinationRejected, filtered, unexplained, decisions, pending } = line;
  expect(delivered + destinationRejected + filtered + unexplained + decisions + pending).toBe(line.owed);
});

test('given one that the destination refused and has all the same, then nothing is missing or unexpected', () => {
  const line = reconcileConnection(
    facts({
      classes: { delivered: 9, destinationRejected: 1 },
      undelivered: [id('A')],
      outside: outside({ unexpected: [id('A')] }),
    }),
  );
  expect(line).toMatchObject({ missing: [], unexpected: [], balanced: true, verdict: 'green' });
});

test('given doubles, then the listed ones are told from the others, and both are red', () => {
  const line = reconcileConnection(
    facts({
      doubled: [id('A')],
      outside: outside({ duplicated: [{ id: id('BB') }] }),
      maybeSent: { total: 1, ids: [id('BB')] },
    }),
  );
  expect(line.counts).toMatchObject({ duplicated: 2, duplicatedListed: 1 });
  expect(line).toMatchObject({ balanced: false, verdict: 'red' });
});

test('given an exclusion set, then what it explains is counted there and no fault; an open decision is', () => {
  const exclusions = [{ name: 'phoned in', ids: ['A'] }];
  const explained = { classes: { delivered: 9, unexplained: 1 }, undelivered: [id('A')], exclusions };
  expect(reconcileConnection(facts(explained))).toMatchObject({
    verdict: 'green',
    counts: { excluded: 1, missing: 0 },
  });
  expect(reconcileConnection(facts({ ...explained, openDecisions: 1 })).verdict).toBe('red');
  const other = { ...explained, classes: { delivered: 8, unexplained: 2 }, undelivered: [id('A'), id('BB')] };
  expect(reconcileConnection(facts(other))).toMatchObject({ verdict: 'red', counts: { excluded: 1, missing: 1 } });
});

test('given an MSH-10 that is used again, then what explains one message explains no other', () => {
  const twice = { classes: { delivered: 8, unexplained: 2 }, undelivered: [id('A'), id('A')] };
  const once = [{ name: 'phoned in', ids: ['A'] }];
  expect(reconcileConnection(facts({ ...twice, exclusions: once }))).toMatchObject({
    verdict: 'red',
    counts: { excluded: 1, missing: 1 },
  });
  const both = [...once, { name: 'and again', ids: ['A'] }];
  expect(reconcileConnection(facts({ ...twice, exclusions: both }))).toMatchObject({ verdict: 'green' });
});

const FRESH: WorkerState = {
  worker: { id: 'w', host: 'h', version: '0', basis: 'b', startedAtMs: 0, heartbeatAgeMs: 4_000 },
  nowMs: 1_000_000,
  journals: [
    {
      shard: 0,
      incarnation: 'i',
      position: 100,
      shippedUpTo: 100,
      newestAtMs: 999_000,
      waitingSinceMs: null,
      missingRecords: 0,
    },
  ],
};

test('freshness is that of the worker, not of the traffic', () => {
  const [journal] = FRESH.journals;
  if (journal === undefined || FRESH.worker === null) throw new Error('there is a journal');
  const journalThat = (over: Partial<typeof journal>): WorkerState => ({
    ...FRESH,
    journals: [{ ...journal, ...over }],
  });
  expect(stalenessOf(FRESH, [{ shard: 0, durableUpTo: 120, shippedUpTo: 100 }])).toEqual([]);
  // Quiet for weeks is no fault.
  expect(stalenessOf(journalThat({ newestAtMs: 0 }))).toEqual([]);
  expect(stalenessOf(journalThat({ position: 90, waitingSinceMs: 990_000 }))).toEqual([]);
  const stale = [
    stalenessOf({ ...FRESH, worker: null }),
    stalenessOf({ ...FRESH, worker: { ...FRESH.worker, heartbeatAgeMs: 121_000 } }),
    stalenessOf({ ...FRESH, journals: [] }),
    stalenessOf(journalThat({ position: 90, waitingSinceMs: 900_000 })),
    stalenessOf(journalThat({ missingRecords: 3 })),
    stalenessOf(FRESH, [{ shard: 0, durableUpTo: null, shippedUpTo: null }]),
    stalenessOf(FRESH, [{ shard: 0, durableUpTo: 9_000, shippedUpTo: 100 }]),
  ];
  for (const reasons of stale) expect(reasons).toHaveLength(1);
});
