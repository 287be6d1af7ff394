/** Whether a window is as low in traffic as it is thought to be: a claim that is tested against what was seen. */
import { counted } from '../count-words.ts';
import type { TrafficProfile } from './traffic.ts';
import type { ChangeWindow } from './windows.ts';
import { DAYS, HOURS_OF_WEEK, hourOfWeekAt, SLOT_MS } from './zone.ts';

export type QuietLimits = {
  /** An hour of the window may have this share of the mean of the busiest hour of the week. */
  readonly share: number;
  /** Each hour of the window must have been observed so many times. */
  readonly observedTimes: number;
};

export const QUIET_LIMITS: QuietLimits = { share: 0.25, observedTimes: 2 };

export type QuietVerdict = {
  readonly verdict: 'green' | 'red';
  readonly reason: string;
  /** Null: not known. */
  readonly expectedMessages: number | null;
  /** Of its busiest hour in the busiest hour of the week; null: not known. */
  readonly share: number | null;
};

/** Too little seen is red, like too much traffic: nobody knows. */
export function judgeQuiet(
  profile: TrafficProfile | null,
  window: ChangeWindow,
  limits: QuietLimits = QUIET_LIMITS,
): QuietVerdict {
  if (profile === null)
    return unknown('no traffic has been observed: give --traffic, or let the gateway ship its journal');
  const touched = slotsByHour(window, profile.timeZone);
  const unseen = [...touched.keys()].filter((hour) => (profile.hours[hour]?.observedHours ?? 0) < limits.observedTimes);
  if (unseen.length > 0) {
    const [first = 0] = unseen;
    return unknown(
      `${unseen.length} of its ${counted(touched.size, 'hour')} ${unseen.length === 1 ? 'was' : 'were'} seen less than ${limits.observedTimes} times (the first: ${hourName(first)})`,
    );
  }
  const busiest = Math.max(0, ...profile.hours.map((hour) => hour.perHour ?? 0));
  if (busiest === 0) return unknown('not one message was seen: that is no measure of what is quiet');
  let expected = 0;
  let worst = { hour: 0, perHour: 0 };
  for (const [hour, slots] of touched) {
    const perHour = profile.hours[hour]?.perHour ?? 0;
    expected += (perHour * slots * SLOT_MS) / 3_600_000;
    if (perHour > worst.perHour) worst = { hour, perHour };
  }
  const share = worst.perHour / busiest;
  const figure = `${round(expected)} messages expected; its busiest hour (${hourName(worst.hour)}) has ${round(share * 100)} % of the week's busiest`;
  const isQuiet = share <= limits.share;
  return {
    verdict: isQuiet ? 'green' : 'red',
    reason: isQuiet ? figure : `not low in traffic: ${figure}, at most ${round(limits.share * 100)} % is low`,
    expectedMessages: expected,
    share,
  };
}

function unknown(reason: string): QuietVerdict {
  return { verdict: 'red', reason, expectedMessages: null, share: null };
}

/** Hour of the week → how many slots of the window are in it. */
function slotsByHour({ openMs, closeMs }: ChangeWindow, timeZone: string): Map<number, number> {
  const slots = new Map<number, number>();
  for (let at = Math.floor(openMs / SLOT_MS) * SLOT_MS; at < closeMs; at += SLOT_MS) {
    const hour = hourOfWeekAt(at, timeZone);
    slots.set(hour, (slots.get(hour) ?? 0) + 1);
  }
  return slots;
}

export function hourName(hour: number): string {
  const day = DAYS[Math.floor((hour % HOURS_OF_WEEK) / 24)] ?? 'mon';
  return `${day} ${String(hour % 24).padStart(2, '0')}:00`;
}

function round(value: number): number {
  return value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
}
