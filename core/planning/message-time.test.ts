/** MSH-7 as senders really write it; days of an archive. */
import { describe, expect, it } from 'vitest';
import { observedDays } from './archive-days.ts';
import { parseMessageTime } from './message-time.ts';
import { SLOT_MS } from './zone.ts';

const CHICAGO = 'America/Chicago';

describe('MSH-7', () => {
  it.each([
    ['20260607013000', Date.UTC(2026, 5, 7, 6, 30)],
    ['202606070130', Date.UTC(2026, 5, 7, 6, 30)],
    ['20260607013000.123+0200', Date.UTC(2026, 5, 6, 23, 30)],
    ['20260607013000-0430', Date.UTC(2026, 5, 7, 6)],
    ['20260308023000', Date.UTC(2026, 2, 8, 7, 30)],
    ['20261101013000', Date.UTC(2026, 10, 1, 6, 30)],
  ])('%s', (text, expected) => {
    expect(parseMessageTime(text, CHICAGO)).toBe(expected);
  });

  it.each([
    '',
    '20260607',
    '2026060701',
    '20260230120000',
    '20261301120000',
    '20260607250000',
    'x',
    '2026-06-07T01:30',
  ])('of %j nothing is guessed', (text) => {
    expect(parseMessageTime(text, CHICAGO)).toBeNull();
  });
});

describe('an archive', () => {
  it('a day without any message was not observed, and its first and last day may be cut', () => {
    const at = (date: number, hour: number) => ({ startMs: Date.UTC(2026, 5, date, hour), messages: 1 });
    const spans = observedDays([at(1, 12), at(2, 3), at(4, 20), at(5, 6)], 'UTC', SLOT_MS);
    expect(spans).toEqual([
      { fromMs: Date.UTC(2026, 5, 1, 12), toMs: Date.UTC(2026, 5, 2) },
      { fromMs: Date.UTC(2026, 5, 2), toMs: Date.UTC(2026, 5, 3) },
      { fromMs: Date.UTC(2026, 5, 4), toMs: Date.UTC(2026, 5, 5) },
      { fromMs: Date.UTC(2026, 5, 5), toMs: Date.UTC(2026, 5, 5, 6) + SLOT_MS },
    ]);
  });
});
