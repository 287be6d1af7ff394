/** The traffic of a wave, or of a whole lab, from that of its connections. */
import type { HourOfWeek, TrafficProfile } from './traffic.ts';

/** Null where one of them is not known: a sum with an unknown part is no figure. */
export function sumProfiles(profiles: readonly (TrafficProfile | null)[]): TrafficProfile | null {
  const [first, ...others] = profiles;
  if (first === undefined || first === null) return null;
  let sum: TrafficProfile = first;
  for (const next of others) {
    if (next === null || next.timeZone !== sum.timeZone) return null;
    const hours = sum.hours.map((hour, index) => addHours(hour, next.hours[index]));
    sum = {
      timeZone: sum.timeZone,
      hours,
      messages: sum.messages + next.messages,
      observedHours: Math.min(sum.observedHours, next.observedHours),
    };
  }
  return sum;
}

/** The busiest hours of two need not have been the same one: the sum is the most that it can have been. */
function addHours(a: HourOfWeek, b: HourOfWeek | undefined): HourOfWeek {
  const perHour = a.perHour === null || b === undefined || b.perHour === null ? null : a.perHour + b.perHour;
  return {
    observedHours: Math.min(a.observedHours, b?.observedHours ?? 0),
    messages: a.messages + (b?.messages ?? 0),
    perHour,
    most: a.most + (b?.most ?? 0),
  };
}

export function messagesPerDay(profile: TrafficProfile): number | null {
  return profile.observedHours === 0 ? null : (profile.messages / profile.observedHours) * 24;
}
