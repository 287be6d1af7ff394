/** Windows over the nights on which clocks change, in several zones; what touches business hours or a freeze; sizes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChangeWindow, fitInto, type WindowRule, windowAt, windowsIn } from './windows.ts';
import { DAYS, dayOf, instantAt, localDateAt, wallClockAt } from './zone.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const NO_RESTRICTIONS = { businessHours: [], freezes: [] };
const NEEDS = { switchMs: 10 * MINUTE, verifyMs: 30 * MINUTE, rollbackMs: 20 * MINUTE };

function rule(timeZone: string, from = '22:00', to = '04:00'): WindowRule {
  return { days: ['sat'], from, to, timeZone };
}

function only(windows: readonly ChangeWindow[]): ChangeWindow {
  expect(windows).toHaveLength(1);
  const [window] = windows;
  if (window === undefined) throw new Error('no window');
  return window;
}

/** The one window whose evening has this date. */
function nightOf(date: string, of: WindowRule): ChangeWindow {
  const fromMs = instantAt(date, '12:00', of.timeZone, 'first');
  return only(windowsIn(of, { fromMs, toMs: fromMs + 24 * HOUR }));
}

describe('windows when the clocks change', () => {
  it.each([
    ['America/Chicago', '2026-10-31', 7],
    ['America/Chicago', '2026-03-07', 5],
    ['America/Chicago', '2026-06-06', 6],
    ['America/Phoenix', '2026-10-31', 6],
    ['Europe/Berlin', '2026-10-24', 7],
    ['Europe/Berlin', '2026-03-28', 5],
    ['Australia/Lord_Howe', '2026-04-04', 6.5],
    ['Australia/Lord_Howe', '2026-10-03', 5.5],
    ['Asia/Kathmandu', '2026-10-31', 6],
  ])('%s, the night of %s is %d hours long', (timeZone, date, hours) => {
    const window = nightOf(date, rule(timeZone));
    expect((window.closeMs - window.openMs) / HOUR).toBe(hours);
    expect(wallClockAt(window.openMs, timeZone)).toBe(`Sat ${date} 22:00`);
    expect(wallClockAt(window.closeMs, timeZone)).toMatch(/^Sun .* 04:00$/);
  });

  it('a time that comes twice, and one that never comes, make the window shorter, never longer', () => {
    const opensTwice = nightOf('2026-10-31', { ...rule('America/Chicago', '01:30', '04:00'), days: ['sun'] });
    expect((opensTwice.closeMs - opensTwice.openMs) / HOUR).toBe(2.5);
    const closesTwice = nightOf('2026-10-31', rule('America/Chicago', '22:00', '01:30'));
    expect((closesTwice.closeMs - closesTwice.openMs) / HOUR).toBe(3.5);
    const closesNever = nightOf('2026-03-07', rule('America/Chicago', '22:00', '02:30'));
    expect((closesNever.closeMs - closesNever.openMs) / HOUR).toBe(3.5);
  });

  it('a window that the shift swallows whole is none', () => {
    const swallowed = { ...rule('America/Chicago', '02:10', '02:50'), days: [...DAYS] };
    const fromMs = Date.UTC(2026, 2, 6);
    const dates = windowsIn(swallowed, { fromMs, toMs: fromMs + 4 * 24 * HOUR }).map(({ date }) => date);
    expect(dates).toContain('2026-03-07');
    expect(dates).not.toContain('2026-03-08');
  });

  it('for any zone and year: opens and closes as the wall clock says, on its day, within an hour of the usual length', () => {
    const zones = [
      'America/Chicago',
      'America/Sao_Paulo',
      'Europe/London',
      'Australia/Lord_Howe',
      'Asia/Kolkata',
      'Pacific/Apia',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 2019, max: 2031 }),
        fc.integer({ min: 0, max: 51 }),
        fc.constantFrom(...DAYS),
        (timeZone, year, week, day) => {
          const fromMs = Date.UTC(year, 0, 1) + week * 7 * 24 * HOUR;
          const nightly: WindowRule = { days: [day], from: '21:00', to: '05:00', timeZone };
          for (const window of windowsIn(nightly, { fromMs, toMs: fromMs + 8 * 24 * HOUR })) {
            expect(dayOf(window.date)).toBe(day);
            expect(wallClockAt(window.openMs, timeZone).slice(-5)).toBe('21:00');
            expect(wallClockAt(window.closeMs, timeZone).slice(-5)).toBe('05:00');
            expect(Math.abs(window.closeMs - window.openMs - 8 * HOUR)).toBeLessThanOrEqual(HOUR);
            expect(windowAt(nightly, window.openMs)).toEqual(window);
            expect(windowAt(nightly, window.closeMs - 1)).toEqual(window);
            expect(windowAt(nightly, window.closeMs)).toBeNull();
            expect(windowAt(nightly, window.openMs - 1)).toBeNull();
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('whether a wave fits', () => {
  const window = nightOf('2026-06-06', rule('America/Chicago'));

  it('says when it is done, when a rollback must begin at the latest, and what is to spare', () => {
    const fit = fitInto(window, NEEDS, NO_RESTRICTIONS);
    if (!fit.ok) throw new Error(fit.refusal.message);
    expect(fit.night.doneMs).toBe(window.openMs + 40 * MINUTE);
    expect(fit.night.lastSafeMs).toBe(window.closeMs - 20 * MINUTE);
    expect(fit.night.lastStartMs).toBe(window.closeMs - 60 * MINUTE);
    expect(fit.night.spareMs).toBe(5 * HOUR);
  });

  it('refuses what leaves no time for the way back, and begins no earlier than now', () => {
    const late = fitInto(window, NEEDS, NO_RESTRICTIONS, window.closeMs - 59 * MINUTE);
    expect(late).toMatchObject({ ok: false, refusal: { code: 'too-short' } });
    expect(fitInto(window, NEEDS, NO_RESTRICTIONS, window.closeMs - 60 * MINUTE).ok).toBe(true);
  });

  it('the hour that a spring night lacks is not counted on', () => {
    const needs = { switchMs: 2 * HOUR, verifyMs: 2 * HOUR, rollbackMs: 1.5 * HOUR };
    expect(fitInto(nightOf('2026-03-07', rule('America/Chicago')), needs, NO_RESTRICTIONS).ok).toBe(false);
    expect(fitInto(nightOf('2026-06-06', rule('America/Chicago')), needs, NO_RESTRICTIONS).ok).toBe(true);
  });

  it('refuses what touches business hours, also those of another zone', () => {
    const weekend: WindowRule = { days: ['sun'], from: '05:00', to: '12:00', timeZone: 'America/New_York' };
    const touching = fitInto(nightOf('2026-06-06', rule('America/Chicago', '22:00', '04:30')), NEEDS, {
      businessHours: [weekend],
      freezes: [],
    });
    expect(touching).toMatchObject({ ok: false, refusal: { code: 'business-hours' } });
    expect(fitInto(window, NEEDS, { businessHours: [weekend], freezes: [] }).ok).toBe(true);
  });

  it('refuses a night of which any part is in a freeze', () => {
    const freeze = (from: string, to: string) =>
      fitInto(window, NEEDS, { businessHours: [], freezes: [{ from, to, reason: 'go-live of the EMR' }] });
    expect(freeze('2026-06-07', '2026-06-09')).toMatchObject({ ok: false, refusal: { code: 'freeze' } });
    expect(freeze('2026-06-01', '2026-06-06')).toMatchObject({ ok: false, refusal: { code: 'freeze' } });
    expect(freeze('2026-06-08', '2026-06-09').ok).toBe(true);
    expect(freeze('2026-06-01', '2026-06-05').ok).toBe(true);
  });

  it('for any needs and start: the way back always ends before the window closes', () => {
    const length = window.closeMs - window.openMs;
    const part = fc.integer({ min: 0, max: length });
    fc.assert(
      fc.property(part, part, part, part, (switchMs, verifyMs, rollbackMs, offset) => {
        const fit = fitInto(window, { switchMs, verifyMs, rollbackMs }, NO_RESTRICTIONS, window.openMs + offset);
        expect(fit.ok).toBe(offset + switchMs + verifyMs + rollbackMs <= length);
        if (fit.ok) expect(fit.night.doneMs + rollbackMs + fit.night.spareMs).toBe(window.closeMs);
      }),
    );
  });
});

it('a date there is not always the date here', () => {
  expect(localDateAt(Date.UTC(2026, 5, 7, 3), 'America/Chicago')).toBe('2026-06-06');
});
