/** In an archive of messages nobody says when it was kept: a day without a single message is a hole, not a quiet day. */
import type { Span, TrafficSlot } from './traffic.ts';
import { addDays, localDateAt, startOfDate } from './zone.ts';

/**
 * The days, there, on which anything came, whole; the first and the last only from the first and up to the last
 * message on, since they may have been cut.
 */
export function observedDays(slots: readonly TrafficSlot[], timeZone: string, slotMs: number): Span[] {
  const sorted = slots.toSorted((a, b) => a.startMs - b.startMs);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return [];
  const dates = [...new Set(sorted.map(({ startMs }) => localDateAt(startMs, timeZone)))];
  return dates.map((date) => ({
    fromMs: Math.max(startOfDate(date, timeZone), first.startMs),
    toMs: Math.min(startOfDate(addDays(date, 1), timeZone), last.startMs + slotMs),
  }));
}
