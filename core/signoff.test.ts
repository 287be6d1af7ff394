import { describe, expect, test } from 'vitest';
import { judgeReconciled } from './signoff.ts';

const SWITCHED = '2026-06-01T22:00:00.000Z';

function judge(connection: object = {}, over: object = {}, accept: readonly string[] = []) {
  const body = {
    connections: [
      {
        name: 'north',
        practice: 'n',
        balanced: true,
        verdict: 'green',
        reasons: [],
        evidenceGrade: 'B',
        ...connection,
      },
    ],
    reasons: [],
    window: { since: '2026-05-01T00:00:00.000Z', until: '2026-06-08T00:00:00.000Z' },
    orders: [],
    ...over,
  };
  return judgeReconciled(body, ['north'], accept, new Map([['north', SWITCHED]]));
}

test('given a green reconciliation over the switch, then its grade is signed', () => {
  expect(judge()).toEqual({ ok: true, value: { evidenceGrade: 'B', accepted: [] } });
});

describe('given a reconciliation that proves nothing, when a connection is signed off, then it is refused', () => {
  test.each<[string, object, object, string, RegExp]>([
    ['not balanced', { balanced: false, verdict: 'red' }, {}, 'not-balanced', /north/],
    [
      'balanced, for nothing was owed in its window',
      { verdict: 'red', reasons: ['no message was owed in this window: nothing is proven'] },
      {},
      'reconciliation-red',
      /nothing is proven/,
    ],
    [
      'balanced, for no worker has counted anything',
      { verdict: 'red' },
      { reasons: ['no worker has ever run for this deployment'] },
      'reconciliation-red',
      /no worker/,
    ],
    [
      'of a window that ends before the switch',
      {},
      { window: { since: '2026-05-01T00:00:00.000Z', until: '2026-06-01T21:00:00.000Z' } },
      'reconciliation-window',
      /end after it/,
    ],
    [
      'of a window that begins after the switch',
      {},
      { window: { since: '2026-06-02T00:00:00.000Z', until: '2026-06-08T00:00:00.000Z' } },
      'reconciliation-window',
      /begin before the switch of north/,
    ],
    ['of unknown time', {}, { window: {} }, 'no-reconciliation', /no reconciliation/],
    ['of others', { name: 'south' }, {}, 'not-reconciled', /nothing of north/],
  ])('%s', (_, connection, over, code, message) => {
    expect(judge(connection, over)).toMatchObject({ ok: false, code, message: expect.stringMatching(message) });
  });
});

test('given what only legacy can answer, then it is accepted by name', () => {
  const orders = [{ practice: 'n', class: 'open', orderedThrough: 'legacy', count: 3 }];
  expect(judge({}, { orders })).toMatchObject({ ok: false, code: 'only-legacy' });
  expect(judge({}, { orders }, ['open'])).toMatchObject({
    ok: true,
    value: { accepted: [{ class: 'open', count: 3 }] },
  });
});
