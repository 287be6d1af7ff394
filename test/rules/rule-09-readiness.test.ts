/** Rule 9: readiness for a rollback is watched all the time: what the way back rests on is in the status and the metrics. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, type Estate, idOf, order, startEstate, until } from './peers.ts';

let estate: Estate;
beforeAll(async () => {
  estate = await startEstate({ one: { connection: { correlate: ['ORC-2'], capture: { wait: '50ms' } } } });
});
afterAll(() => estate?.close());

test('rule 9: legacy’s last match, its rejections and the disk are told; a rejection makes the way back not ready', async () => {
  const line = estate.line('one');
  const [source, legacyLeg, newLeg] = [await line.source(), await line.leg('legacy'), await line.leg('new')];
  line.destination.answerAll();
  let code = 'AA';
  line.legacy.script = ({ payload, reply }) => {
    reply(answer(idOf(payload), code));
    if (code === 'AA') legacyLeg.send(payload);
  };
  line.new.script = ({ payload, reply }) => {
    reply(answer(idOf(payload)));
    newLeg.send(payload);
  };
  await line.move('parallel');
  await line.move('switched');
  expect((await line.status()).readiness).toMatchObject({
    lastLegacyMatch: null,
    legacyRejects: 0,
    certificateDays: null,
  });
  expect((await line.status()).readiness?.diskFreeBytes).toBeGreaterThan(0);
  const before = Date.now();
  await source.exchange(order('A1'));
  await until(async () => expect((await line.status()).counters).toMatchObject({ captured: 1, delivered: 1 }));
  const matched = await line.status();
  expect(Date.parse(matched.readiness?.lastLegacyMatch ?? '')).toBeGreaterThanOrEqual(before);
  expect(matched.rollbackReady).toEqual({ ready: true, reasons: [] });
  code = 'AR';
  await source.exchange(order('A2'));
  await until(async () => expect((await line.status()).readiness?.legacyRejects).toBe(1));
  expect((await line.status()).rollbackReady).toMatchObject({
    ready: false,
    reasons: ['legacy rejected 1 shadow messages since the switch'],
  });
  const metrics = await estate.text('/metrics');
  expect(metrics).toMatch(/cutover_legacy_rejected_copies\{connection="one"\} 1/);
  expect(metrics).toMatch(/cutover_legacy_last_match_timestamp_seconds\{connection="one"\} \d{10}/);
  expect(metrics).toMatch(/cutover_rollback_at_risk\{connection="one"\} 1/);
});
