/** Traffic by hour: nothing is lost or counted twice when clocks change, and what nobody observed has no figure. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeMoment } from './moment.ts';
import { judgeQuiet } from './quiet.ts';
import { profileOf, type TrafficProfile, toSlots } from './traffic.ts';
import { type WindowRule, windowsIn } from './windows.ts';
import { hourOfWeekAt, instantAt, SLOT_MS } from './zone.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const CHICAGO = 'America/Chicago';
const SUNDAY_1 = 6 * 24 + 1;
const SUNDAY_2 = 6 * 24 + 2;

function everyMinute(fromMs: number, toMs: number): number[] {
  return Array.from({ length: (toMs - fromMs) / 60_000 }, (_, minute) => fromMs + minute * 60_000);
}

describe('a profile', () => {
  it('the hour that comes twice is two hours, each as busy as it was', () => {
    const fromMs = instantAt('2026-11-01', '00:00', CHICAGO, 'first');
    const observed = { fromMs, toMs: fromMs + 4 * HOUR };
    const profile = profileOf({
      slots: toSlots(everyMinute(fromMs, observed.toMs)),
      observed: [observed],
      timeZone: CHICAGO,
    });
    expect(profile.hours[SUNDAY_1]).toEqual({ observedHours: 2, messages: 120, perHour: 60, most: 60 });
    expect(profile.hours[SUNDAY_2]).toEqual({ observedHours: 1, messages: 60, perHour: 60, most: 60 });
  });

  it('the hour that never comes was not observed, rather than quiet', () => {
    const fromMs = instantAt('2026-03-08', '00:00', CHICAGO, 'first');
    const observed = { fromMs, toMs: fromMs + 4 * HOUR };
    const profile = profileOf({
      slots: toSlots(everyMinute(fromMs, observed.toMs)),
      observed: [observed],
      timeZone: CHICAGO,
    });
    expect(profile.hours[SUNDAY_1]?.perHour).toBe(60);
    expect(profile.hours[SUNDAY_2]).toEqual({ observedHours: 0, messages: 0, perHour: null, most: 0 });
  });

  it('an hour in which somebody looked and nothing came is quiet', () => {
    const fromMs = instantAt('2026-06-07', '01:00', CHICAGO, 'first');
    const profile = profileOf({ slots: [], observed: [{ fromMs, toMs: fromMs + HOUR }], timeZone: CHICAGO });
    expect(profile.hours[SUNDAY_1]?.perHour).toBe(0);
    expect(profile.hours[SUNDAY_2]?.perHour).toBeNull();
  });

  it('for any zone and any traffic: every message within whole slots that were observed is counted, once, at its own hour', () => {
    const zones = [CHICAGO, 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC'];
    const transitions = [
      Date.UTC(2026, 2, 8),
      Date.UTC(2026, 2, 29),
      Date.UTC(2026, 3, 5),
      Date.UTC(2026, 9, 25),
      Date.UTC(2026, 10, 1),
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...transitions),
        fc.array(fc.integer({ min: 0, max: 2 * DAY - 1 }), { maxLength: 200 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 * DAY }), fc.integer({ min: 0, max: DAY })), { maxLength: 4 }),
        (timeZone, nearMs, offsets, spans) => {
          const baseMs = nearMs - DAY;
          const observed = spans.map(([from, length]) => ({ fromMs: baseMs + from, toMs: baseMs + from + length }));
          const isSeen = (at: number): boolean => {
            const slot = Math.floor(at / SLOT_MS) * SLOT_MS;
            return observed.some(({ fromMs, toMs }) => fromMs <= slot && slot + SLOT_MS <= toMs);
          };
          const instants = offsets.map((offset) => baseMs + offset);
          const profile = profileOf({ slots: toSlots(instants), observed, timeZone });
          const seen = instants.filter(isSeen);
          expect(profile.messages).toBe(seen.length);
          const byHour = new Map<number, number>();
          for (const at of seen)
            byHour.set(hourOfWeekAt(at, timeZone), (byHour.get(hourOfWeekAt(at, timeZone)) ?? 0) + 1);
          for (const [hour, count] of byHour) expect(profile.hours[hour]?.messages).toBe(count);
        },
      ),
      { numRuns: 60 },
    );
  });
});

const SATURDAY: WindowRule = { days: ['sat'], from: '22:00', to: '04:00', timeZone: CHICAGO };

/** Six weeks: a message a minute by day, one an hour at night. */
function sixWeeks(nightly: number): TrafficProfile {
  const fromMs = instantAt('2026-05-01', '00:00', CHICAGO, 'first');
  const observed = { fromMs, toMs: fromMs + 42 * DAY };
  const instants: number[] = [];
  for (let at = fromMs; at < observed.toMs; at += HOUR) {
    const hour = hourOfWeekAt(at, CHICAGO) % 24;
    const count = hour >= 7 && hour < 20 ? 60 : nightly;
    for (let index = 0; index < count; index++) instants.push(at + Math.floor((index * HOUR) / count));
  }
  return profileOf({ slots: toSlots(instants), observed: [observed], timeZone: CHICAGO });
}

describe('low traffic, tested', () => {
  const [window] = windowsIn(SATURDAY, { fromMs: Date.UTC(2026, 5, 6, 12), toMs: Date.UTC(2026, 5, 8) });
  if (window === undefined) throw new Error('no window');

  it('a quiet night is green, with what is expected in it', () => {
    const verdict = judgeQuiet(sixWeeks(3), window);
    expect(verdict.verdict).toBe('green');
    expect(verdict.expectedMessages).toBeCloseTo(18);
  });

  it('a night that only was said to be quiet is red', () => {
    expect(judgeQuiet(sixWeeks(40), window)).toMatchObject({ verdict: 'red', share: 40 / 60 });
  });

  it('hours that were not seen often enough are red, and so is no data and no message', () => {
    const fromMs = instantAt('2026-05-04', '00:00', CHICAGO, 'first');
    const week = { fromMs, toMs: fromMs + 7 * DAY };
    const once = profileOf({ slots: toSlots(everyMinute(fromMs, week.toMs)), observed: [week], timeZone: CHICAGO });
    expect(judgeQuiet(once, window)).toMatchObject({ verdict: 'red', share: null });
    expect(judgeQuiet(null, window)).toMatchObject({ verdict: 'red', share: null });
    const silent = profileOf({ slots: [], observed: [{ fromMs, toMs: fromMs + 60 * DAY }], timeZone: CHICAGO });
    expect(judgeQuiet(silent, window)).toMatchObject({ verdict: 'red', share: null });
  });
});

describe('is now a good moment', () => {
  const nowMs = instantAt('2026-06-06', '23:00', CHICAGO, 'first');
  const good = {
    nowMs,
    rule: SATURDAY,
    needs: { switchMs: HOUR, verifyMs: HOUR, rollbackMs: HOUR },
    restrictions: { businessHours: [], freezes: [] },
    profile: sixWeeks(3),
  };

  it('green: with the moment by which a rollback must begin', () => {
    const verdict = judgeMoment(good);
    expect(verdict.verdict).toBe('green');
    expect(verdict.night?.lastSafeMs).toBe(instantAt('2026-06-07', '03:00', CHICAGO, 'first'));
  });

  it.each([
    ['no window is configured', { rule: null }],
    ['no window is open; the next opens Sat 2026-06-13 22:00', { nowMs: nowMs + DAY }],
    ['nobody has measured', { needs: null }],
    ['it needs 181 min', { needs: { switchMs: HOUR, verifyMs: HOUR, rollbackMs: HOUR + 1 }, nowMs: nowMs + 2 * HOUR }],
    [
      'within the freeze',
      { restrictions: { businessHours: [], freezes: [{ from: '2026-06-06', to: '2026-06-06', reason: 'holiday' }] } },
    ],
    ['no traffic has been observed', { profile: null }],
    ['not low in traffic', { profile: sixWeeks(40) }],
  ])('red: %s', (reason, change) => {
    const verdict = judgeMoment({ ...good, ...change });
    expect(verdict.verdict).toBe('red');
    expect(verdict.reasons.join('; ')).toContain(reason);
    expect(verdict.night).toBeNull();
  });
});
