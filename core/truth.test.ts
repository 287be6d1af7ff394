import { describe, expect, test } from 'vitest';
import type { ConnectionStatus } from './admin-api.ts';
import { statusExample } from './connection-status.example.ts';
import type { Platform, Route } from './platform.ts';
import { judgeTruth } from './truth.ts';

const SWITCHED: Route = { phase: 'switched', newWeight: 0, epoch: 3 };

describe('given what stack file, Pulumi state, gateway and the newest message say', () => {
  test('when all four say the same, then they agree', () => {
    const truth = judgeTruth({ config: SWITCHED, pulumi: SWITCHED, status: status(SWITCHED, 'new') });
    expect(truth).toEqual({ config: SWITCHED, pulumi: SWITCHED, gateway: SWITCHED, observed: 'new', agree: true });
  });

  test('when no message has proven the epoch yet, then that is not agreement', () => {
    const truth = judgeTruth({ config: SWITCHED, pulumi: SWITCHED, status: status(SWITCHED, null) });
    expect(truth).toMatchObject({ observed: 'not-yet-proven', agree: null });
  });

  test('when the newest message is of an earlier epoch, then it proves nothing of this one', () => {
    const truth = judgeTruth({ config: SWITCHED, pulumi: SWITCHED, status: status(SWITCHED, 'new', 2) });
    expect(truth).toMatchObject({ observed: 'not-yet-proven', agree: null });
  });

  test('when the gateway cannot be asked, then nothing is known, and nothing is called true', () => {
    const truth = judgeTruth({ config: SWITCHED, pulumi: SWITCHED, status: null });
    expect(truth).toMatchObject({ gateway: null, observed: 'unknown', agree: null });
  });

  test('when there is no stack file to read, then that contradicts nothing, and is not called true', () => {
    const truth = judgeTruth({ config: 'unknown', pulumi: 'unknown', status: status(SWITCHED, 'new') });
    expect(truth).toMatchObject({ config: null, pulumi: null, agree: null });
  });

  test('when the Pulumi state cannot be read, then the rest may not contradict, and is not called true', () => {
    expect(judgeTruth({ config: SWITCHED, pulumi: 'unknown', status: status(SWITCHED, 'new') })).toMatchObject({
      pulumi: null,
      agree: null,
    });
    const other = { ...SWITCHED, epoch: 2 };
    expect(judgeTruth({ config: other, pulumi: 'unknown', status: status(SWITCHED, 'new') }).agree).toBe(false);
  });

  test.each<[string, Route | null, Route | null]>([
    ['the stack file has no entry', null, SWITCHED],
    ['the state has no Route', SWITCHED, null],
    ['the entry has another phase', { ...SWITCHED, phase: 'parallel' }, SWITCHED],
    ['the entry has another epoch', { ...SWITCHED, epoch: 4 }, SWITCHED],
    ['the state has another weight', SWITCHED, { ...SWITCHED, newWeight: 10 }],
    ['the state is an epoch behind', SWITCHED, { ...SWITCHED, epoch: 2 }],
  ])('when %s, then they disagree', (_, config, pulumi) => {
    expect(judgeTruth({ config, pulumi, status: status(SWITCHED, 'new') }).agree).toBe(false);
  });

  test('when a message of this epoch was delivered from the other platform, then they disagree', () => {
    expect(judgeTruth({ config: SWITCHED, pulumi: SWITCHED, status: status(SWITCHED, 'legacy') })).toMatchObject({
      observed: 'legacy',
      agree: false,
    });
  });

  test('when a weight shares the keys out, then a delivery from either platform agrees', () => {
    const shared: Route = { phase: 'parallel', newWeight: 30, epoch: 3 };
    for (const platform of ['legacy', 'new'] as const) {
      expect(judgeTruth({ config: shared, pulumi: shared, status: status(shared, platform) }).agree).toBe(true);
    }
  });
});

function status(route: Route, deliveredFrom: Platform | null, epoch = route.epoch): ConnectionStatus {
  const observed = deliveredFrom === null ? null : { epoch, deliveredFrom, at: '2026-03-01T22:00:01.000Z' };
  return statusExample(route, { name: 'northside-orders', observed });
}
