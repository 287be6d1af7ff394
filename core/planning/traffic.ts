/**
 * How much traffic there is at which hour of the week, by the practice's own clock, from messages that were really
 * seen. An hour in which nobody looked is not a quiet hour: it has no figure.
 */
import { HOURS_OF_WEEK, hourOfWeekAt, hourStartOf, SLOT_MS } from './zone.ts';

/** Messages that came from `startMs` on, for SLOT_MS. */
export type TrafficSlot = { readonly startMs: number; readonly messages: number };
export type Span = { readonly fromMs: number; readonly toMs: number };

export type HourOfWeek = {
  /** How often this hour was observed, in hours; parts of an hour count as parts. */
  readonly observedHours: number;
  readonly messages: number;
  /** Null: never observed. */
  readonly perHour: number | null;
  /** The most that one such hour has seen. */
  readonly most: number;
};

export type TrafficProfile = {
  readonly timeZone: string;
  /** 168 of them, from Monday midnight on. */
  readonly hours: readonly HourOfWeek[];
  readonly messages: number;
  readonly observedHours: number;
};

export type Observations = {
  readonly slots: readonly TrafficSlot[];
  /** When somebody looked. Messages outside of these spans are not counted: nobody knows how many are missing there. */
  readonly observed: readonly Span[];
  readonly timeZone: string;
};

export function slotOf(atMs: number): number {
  return Math.floor(atMs / SLOT_MS) * SLOT_MS;
}

/** Counts instants into slots, in order. */
export function toSlots(instantsMs: Iterable<number>): TrafficSlot[] {
  const counts = new Map<number, number>();
  for (const at of instantsMs) counts.set(slotOf(at), (counts.get(slotOf(at)) ?? 0) + 1);
  return [...counts].map(([startMs, messages]) => ({ startMs, messages })).sort((a, b) => a.startMs - b.startMs);
}

type Tally = { slots: number; messages: number; most: number };

export function profileOf({ slots, observed, timeZone }: Observations): TrafficProfile {
  const messagesIn = new Map<number, number>();
  for (const { startMs, messages } of slots) {
    const slot = slotOf(startMs);
    messagesIn.set(slot, (messagesIn.get(slot) ?? 0) + messages);
  }
  const tallies = Array.from({ length: HOURS_OF_WEEK }, (): Tally => ({ slots: 0, messages: 0, most: 0 }));
  let openHour = { startMs: Number.NaN, messages: 0 };
  for (const slot of wholeSlots(observed)) {
    const tally = tallies[hourOfWeekAt(slot, timeZone)];
    if (tally === undefined) throw new RangeError(`${slot} is in no hour of the week`);
    const messages = messagesIn.get(slot) ?? 0;
    const hourStartMs = hourStartOf(slot, timeZone);
    if (hourStartMs !== openHour.startMs) openHour = { startMs: hourStartMs, messages: 0 };
    openHour.messages += messages;
    tally.slots++;
    tally.messages += messages;
    tally.most = Math.max(tally.most, openHour.messages);
  }
  const hours = tallies.map(toHour);
  return {
    timeZone,
    hours,
    messages: hours.reduce((sum, hour) => sum + hour.messages, 0),
    observedHours: hours.reduce((sum, hour) => sum + hour.observedHours, 0),
  };
}

function toHour({ slots, messages, most }: Tally): HourOfWeek {
  const observedHours = (slots * SLOT_MS) / 3_600_000;
  return { observedHours, messages, perHour: slots === 0 ? null : messages / observedHours, most };
}

/** Slots that were observed from their beginning to their end, each once, in order. */
function* wholeSlots(spans: readonly Span[]): Generator<number> {
  let next = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const first = Math.ceil(fromMs / SLOT_MS) * SLOT_MS;
    for (let slot = Math.max(first, next); slot + SLOT_MS <= toMs; slot += SLOT_MS) {
      yield slot;
      next = slot + SLOT_MS;
    }
  }
}
