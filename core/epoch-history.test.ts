import { describe, expect, test } from 'vitest';
import type { EpochRecord } from './admin-api.ts';
import { completeUpTo, linkEpoch, verifyEpochs } from './epoch-history.ts';
import type { Phase } from './platform.ts';

const NAME = 'northside-orders';

describe('given a history that was kept as it was made', () => {
  test('when it is verified, then nothing is wrong', () => {
    expect(verifyEpochs([NAME], history())).toBeNull();
  });

  test('when it is empty, then nothing is wrong', () => {
    expect(verifyEpochs([NAME], [])).toBeNull();
  });

  test('when the connection was renamed in between, then the former name counts as its own', () => {
    const [first, second] = history();
    const records = [first, second].filter((record) => record !== undefined);
    const renamed = [...records, linkEpoch(records[1] ?? null, fields(3, 'switched', 'north-orders'))];
    expect(verifyEpochs(['north-orders', NAME], renamed)).toBeNull();
    expect(verifyEpochs(['north-orders'], renamed)).toEqual({ epoch: 1, fault: 'connection' });
    expect(verifyEpochs([NAME], renamed)).toEqual({ epoch: 3, fault: 'connection' });
  });
});

describe('given a history that someone has touched, when it is verified, then the place and the kind are named', () => {
  const alterations: readonly [string, (record: EpochRecord) => EpochRecord][] = [
    ['the phase', (record) => ({ ...record, phase: 'decommissioned' })],
    ['the weight', (record) => ({ ...record, newWeight: 50 })],
    ['the verb', (record) => ({ ...record, verb: 'cancel' })],
    ['who made it', (record) => ({ ...record, by: 'nobody' })],
    ['where it came from', (record) => ({ ...record, origin: 'pulumi' })],
    ['the request', (record) => ({ ...record, requestId: 'request-99' })],
    ['the reason', (record) => ({ ...record, reason: 'another reason' })],
    ['the change id', (record) => ({ ...record, changeId: 'CHG-2' })],
    ['the approval', (record) => ({ ...record, approval: 'sha256:1' })],
    ['that it was forced', (record) => ({ ...record, forced: true })],
    ['when it was', (record) => ({ ...record, at: '2026-01-01T00:00:00.000Z' })],
  ];

  test.each(alterations)('%s was altered', (_, alter) => {
    const records = history().map((record) => (record.epoch === 2 ? alter(record) : record));
    expect(verifyEpochs([NAME], records)).toEqual({ epoch: 2, fault: 'digest' });
  });

  test('a record was altered and given a digest that fits: the next one does not follow it', () => {
    const records = history().map((record) => {
      if (record.epoch !== 2) return record;
      const { digest: _digest, previous: _previous, ...rest } = record;
      return linkEpoch(history()[0] ?? null, { ...rest, by: 'somebody-else' });
    });
    expect(verifyEpochs([NAME], records)).toEqual({ epoch: 3, fault: 'link' });
  });

  test('a record was removed, at the beginning or in the middle', () => {
    expect(verifyEpochs([NAME], history().slice(1))).toEqual({ epoch: 2, fault: 'gap' });
    expect(verifyEpochs([NAME], history().toSpliced(1, 1))).toEqual({ epoch: 3, fault: 'gap' });
  });

  test('a record stands twice, or two changed places', () => {
    const [first, second, third] = history();
    const defined = [first, first, second].filter((record) => record !== undefined);
    expect(verifyEpochs([NAME], defined)).toEqual({ epoch: 1, fault: 'gap' });
    const swapped = [first, third, second].filter((record) => record !== undefined);
    expect(verifyEpochs([NAME], swapped)).toEqual({ epoch: 3, fault: 'gap' });
  });

  test('the first record claims one before it', () => {
    const [first] = history();
    if (first === undefined) throw new Error('a history has a first record');
    expect(verifyEpochs([NAME], [{ ...first, previous: 'sha256:1' }])).toEqual({ epoch: 1, fault: 'link' });
  });

  test('a record of another connection was put in', () => {
    const records = history().map((record) => (record.epoch === 2 ? { ...record, connection: 'other' } : record));
    expect(verifyEpochs([NAME], records)).toEqual({ epoch: 2, fault: 'connection' });
  });
});

function history(): EpochRecord[] {
  const phases: readonly Phase[] = ['legacy', 'parallel', 'switched'];
  const records: EpochRecord[] = [];
  for (const phase of phases) records.push(linkEpoch(records.at(-1) ?? null, fields(records.length + 1, phase, NAME)));
  return records;
}

function fields(epoch: number, phase: Phase, connection: string): Omit<EpochRecord, 'previous' | 'digest'> {
  return {
    connection,
    epoch,
    phase,
    newWeight: 0,
    verb: epoch === 1 ? 'init' : 'move',
    by: 'local',
    origin: epoch === 1 ? 'init' : 'verb',
    requestId: `request-${epoch}`,
    reason: null,
    changeId: null,
    approval: null,
    forced: false,
    at: `2026-03-0${epoch}T22:00:00.000Z`,
  };
}

describe('given the epochs that were recorded, when it is asked up to which they are complete', () => {
  test.each<[string, [number, string][], number]>([
    ['none', [], 0],
    [
      'all',
      [
        [1, 'init'],
        [2, 'parallel'],
        [3, 'switch'],
      ],
      3,
    ],
    [
      'in another order',
      [
        [3, 'switch'],
        [1, 'init'],
        [2, 'parallel'],
      ],
      3,
    ],
    [
      'one is missing',
      [
        [1, 'init'],
        [3, 'switch'],
        [4, 'rollback'],
      ],
      1,
    ],
    ['the first is missing', [[2, 'parallel']], 0],
    [
      'a restore began above epochs that nobody has any more',
      [
        [1, 'init'],
        [2, 'parallel'],
        [7, 'restore'],
        [8, 'switch'],
      ],
      8,
    ],
    [
      'one is missing after a restore',
      [
        [1, 'init'],
        [7, 'restore'],
        [9, 'switch'],
      ],
      7,
    ],
    ['a restore is all there is', [[7, 'restore']], 0],
  ])('%s', (_, verbs, epoch) => {
    expect(completeUpTo(new Map(verbs))).toBe(epoch);
  });
});
