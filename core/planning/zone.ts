/**
 * Instants and wall clocks. The one place that knows about time zones and their shifts: everything else in planning
 * counts in milliseconds since 1970, so that a night of 23 or 25 hours is as long as it really is.
 */
import { Temporal } from 'temporal-polyfill';

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];
export const HOURS_OF_WEEK = DAYS.length * 24;

/** Every offset in use today is a multiple of a quarter of an hour, so a slot never lies in two local hours. */
export const SLOT_MS = 15 * 60_000;

/** True for an IANA name that this machine knows, as in America/Chicago. */
export function isTimeZone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** 0 is Monday from midnight, 167 Sunday from 23:00, by the wall clock there. */
export function hourOfWeekAt(atMs: number, timeZone: string): number {
  const local = localAt(atMs, timeZone);
  return (local.dayOfWeek - 1) * 24 + local.hour;
}

/** Where the wall clock's present hour began. The two hours of the same name at the end of summer time are two. */
export function hourStartOf(atMs: number, timeZone: string): number {
  const local = localAt(atMs, timeZone);
  return atMs - ((local.minute * 60 + local.second) * 1000 + local.millisecond);
}

/** As in 2026-11-27. */
export function localDateAt(atMs: number, timeZone: string): string {
  return localAt(atMs, timeZone).toPlainDate().toString();
}

/** As in `Sat 2026-11-28 22:00`. */
export function wallClockAt(atMs: number, timeZone: string): string {
  const local = localAt(atMs, timeZone);
  const day = DAYS[local.dayOfWeek - 1] ?? 'mon';
  const time = local.toPlainTime().toString({ smallestUnit: 'minute' });
  return `${day.charAt(0).toUpperCase()}${day.slice(1)} ${local.toPlainDate().toString()} ${time}`;
}

/**
 * The instant at which the wall clock shows this. A time that comes twice (end of summer time) or never (its start)
 * is taken as the first or the last instant that it can mean.
 */
export function instantAt(date: string, time: string, timeZone: string, which: 'first' | 'last'): number {
  return Temporal.PlainDate.from(date)
    .toPlainDateTime(Temporal.PlainTime.from(time))
    .toZonedDateTime(timeZone, {
      disambiguation: which === 'first' ? 'earlier' : 'later',
    }).epochMilliseconds;
}

/** Midnight as the day begins there, which is not always 00:00. */
export function startOfDate(date: string, timeZone: string): number {
  return Temporal.PlainDate.from(date).toZonedDateTime({ timeZone }).startOfDay().epochMilliseconds;
}

export function addDays(date: string, days: number): string {
  return Temporal.PlainDate.from(date).add({ days }).toString();
}

export function dayOf(date: string): Day {
  return DAYS[Temporal.PlainDate.from(date).dayOfWeek - 1] ?? 'mon';
}

function localAt(atMs: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone);
}
