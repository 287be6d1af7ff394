/**
 * Waves in their order onto nights: each gets the first night that is long enough, allowed, and low in traffic. Which
 * nights were passed over, and why, is part of the answer.
 */
import type { Programme } from './programme.ts';
import { judgeQuiet, type QuietVerdict } from './quiet.ts';
import type { TrafficProfile } from './traffic.ts';
import type { Wave } from './waves.ts';
import { type ChangeWindow, fitInto, type Needs, type Night, type WindowRule, windowsIn } from './windows.ts';
import { addDays, localDateAt, startOfDate } from './zone.ts';

export type PassedOver = { readonly date: string; readonly reason: string };

export type Scheduled = {
  readonly wave: Wave;
  readonly needs: Needs;
  /** Null: there is no night for it, `passedOver` says why. */
  readonly night: Night | null;
  readonly quiet: QuietVerdict | null;
  readonly passedOver: readonly PassedOver[];
};

export type CalendarQuestion = {
  readonly waves: readonly Wave[];
  readonly programme: Programme;
  readonly fromMs: number;
  readonly needsOf: (wave: Wave) => Needs;
  readonly profileOf: (wave: Wave) => TrafficProfile | null;
};

/** How far ahead a night is looked for. */
const HORIZON_DAYS = 200;

export function scheduleWaves(question: CalendarQuestion): Scheduled[] {
  const { programme, waves, fromMs } = question;
  const startsMs = programme.starts === undefined ? 0 : startOfDate(programme.starts, programme.timeZone);
  let earliestMs = Math.max(fromMs, startsMs);
  return waves.map((wave, index) => {
    const scheduled = schedule(wave, earliestMs, question);
    if (scheduled.night !== null) {
      const days = index === 0 ? programme.daysAfterPilot : programme.daysBetween;
      const { timeZone } = scheduled.night.window;
      const next = addDays(localDateAt(scheduled.night.startMs, timeZone), days);
      earliestMs = startOfDate(next, timeZone);
    }
    return scheduled;
  });
}

function schedule(wave: Wave, earliestMs: number, question: CalendarQuestion): Scheduled {
  const { programme } = question;
  const needs = question.needsOf(wave);
  const profile = question.profileOf(wave);
  const restrictions = {
    businessHours: programme.businessHours,
    freezes: [...programme.freezes, ...absencesOf(wave, programme)],
  };
  const passedOver: PassedOver[] = [];
  let second: { night: Night; quiet: QuietVerdict } | null = null;
  for (const window of sharedWindows(rulesOf(wave), earliestMs)) {
    const fit = fitInto(window, needs, restrictions, earliestMs);
    if (!fit.ok) {
      passedOver.push({ date: window.date, reason: fit.refusal.message });
      continue;
    }
    const quiet = judgeQuiet(profile, window, programme.quiet);
    if (quiet.verdict === 'green') return { wave, needs, night: fit.night, quiet, passedOver };
    second ??= { night: fit.night, quiet };
    // Where nobody knows the traffic, a later night is not better known.
    if (quiet.share === null) break;
    passedOver.push({ date: window.date, reason: quiet.reason });
  }
  return { wave, needs, night: second?.night ?? null, quiet: second?.quiet ?? null, passedOver };
}

/** Null among them: a connection without a window. */
export function rulesOf(wave: Wave): (WindowRule | null)[] {
  const rules = new Map<string, WindowRule | null>();
  for (const { connections } of wave.units) {
    for (const { window } of connections) rules.set(JSON.stringify(window), window);
  }
  return [...rules.values()];
}

/** Spans that every rule allows, in order. */
export function sharedWindows(rules: readonly (WindowRule | null)[], fromMs: number): ChangeWindow[] {
  const [first, ...others] = rules;
  if (first === undefined || first === null || others.includes(null)) return [];
  const dayMs = 86_400_000;
  const span = { fromMs, toMs: fromMs + HORIZON_DAYS * dayMs };
  // A window that is open already counts with what is left of it.
  const open = (rule: WindowRule): ChangeWindow[] =>
    windowsIn(rule, { fromMs: fromMs - dayMs, toMs: span.toMs }).filter(({ closeMs }) => closeMs > fromMs);
  return others.reduce((windows, rule) => (rule === null ? [] : overlaps(windows, open(rule))), open(first));
}

function overlaps(some: readonly ChangeWindow[], others: readonly ChangeWindow[]): ChangeWindow[] {
  return some.flatMap((window) =>
    others.flatMap(({ openMs, closeMs }) => {
      const shared = { ...window, openMs: Math.max(window.openMs, openMs), closeMs: Math.min(window.closeMs, closeMs) };
      return shared.closeMs > shared.openMs ? [shared] : [];
    }),
  );
}

function absencesOf(wave: Wave, programme: Programme): { from: string; to: string; reason: string }[] {
  const vendors = new Set(wave.units.flatMap((unit) => unit.vendors));
  return [...vendors].flatMap((vendor) =>
    (programme.vendors[vendor]?.away ?? []).map(({ from, to, reason }) => ({
      from,
      to,
      reason: `${vendor} is away: ${reason}`,
    })),
  );
}
