/** What the process adds to a connection's readiness: given certificates, disk and time, then the figures and the reasons. */
import { expect, test } from 'vitest';
import { statusExample } from '../core/connection-status.example.ts';
import { type ProcessFacts, withReadiness } from './readiness.ts';

const NOW = Date.parse('2026-03-08T05:00:00Z');
const DAY = 86_400_000;
const facts: ProcessFacts = { nowMs: NOW, startedMs: NOW - DAY, certificates: [], disk: { freeBytes: 5e9 } };

const status = statusExample(
  { phase: 'switched', newWeight: 0, epoch: 3 },
  {
    observed: { epoch: 3, deliveredFrom: 'new', at: '2026-03-08T04:59:30Z' },
    readiness: {
      lastLegacyMatch: '2026-03-08T04:59:00.000Z',
      legacyRejects: 2,
      certificateDays: null,
      diskFreeBytes: null,
    },
  },
);

test('the first certificate to end and the disk stand beside what the engine knows', () => {
  const certificates = [{ expiresAtMs: NOW + 90 * DAY }, { expiresAtMs: NOW + 30 * DAY }];
  expect(withReadiness(status, { ...facts, certificates })).toMatchObject({
    rollbackReady: { ready: true, reasons: [] },
    readiness: {
      lastLegacyMatch: '2026-03-08T04:59:00.000Z',
      legacyRejects: 2,
      certificateDays: 30,
      diskFreeBytes: 5e9,
    },
  });
});

test('each that will not last is a reason, after those of the engine', () => {
  const engine = { ...status, rollbackReady: { ready: false, reasons: ['1 open decisions'] } };
  const found = withReadiness(engine, {
    ...facts,
    certificates: [{ expiresAtMs: NOW + DAY }],
    disk: { freeBytes: 1 },
  });
  expect(found.rollbackReady).toEqual({
    ready: false,
    reasons: [
      '1 open decisions',
      'a certificate of its gateway ends in 1 day',
      'the disk with the captures has 0 MiB left',
    ],
  });
});

test('legacy that stopped making outputs while new delivers', () => {
  const stale = {
    lastLegacyMatch: '2026-03-08T04:00:00.000Z',
    legacyRejects: 0,
    certificateDays: null,
    diskFreeBytes: null,
  };
  expect(withReadiness({ ...status, readiness: stale }, facts).rollbackReady.reasons.join()).toMatch(
    /legacy makes no outputs/,
  );
  expect(
    withReadiness({ ...status, readiness: stale }, { ...facts, startedMs: NOW - 60_000 }).rollbackReady.ready,
  ).toBe(true);
});
