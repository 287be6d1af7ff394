/** Dates as HL7 writes them (DTM, section 2.A.22): `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`. */

export const PRECISIONS = ['year', 'month', 'day', 'hour', 'minute', 'second', 'fraction'] as const;
export type Precision = (typeof PRECISIONS)[number];

export type HL7Date = {
  /** Milliseconds since 1970 of the digits read as UTC. */
  readonly localMs: number;
  readonly precision: Precision;
  /** Null where the text has no offset. */
  readonly offsetMinutes: number | null;
};

const DATE = /^(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,4}))?([+-]\d{4})?$/;

/** Null for what is no date: month 13, the 30th of February, a fraction without seconds, any other text. */
export function parseDate(text: string): HL7Date | null {
  if (text.length < 4 || text.length > 24) return null;
  const match = DATE.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, offset] = match;
  if (fraction !== undefined && second === undefined) return null;
  const given = [month, day, hour, minute, second].filter((part) => part !== undefined).length;
  const [y, mo, d, h, mi, s] = [year, month ?? '01', day ?? '01', hour ?? '0', minute ?? '0', second ?? '0'].map(
    Number,
  );
  if (
    y === undefined ||
    mo === undefined ||
    d === undefined ||
    h === undefined ||
    mi === undefined ||
    s === undefined
  ) {
    return null;
  }
  if (y < 1800 || mo < 1 || mo > 12 || d < 1 || d > daysIn(y, mo) || h > 24 || mi > 59 || s > 60) return null;
  // 24 is the end of the day, and has nothing behind it.
  if (h === 24 && (mi > 0 || s > 0 || Number(fraction ?? 0) > 0)) return null;
  const localMs = Date.UTC(y, mo - 1, d, h, mi, s) + (fraction === undefined ? 0 : Number(`0.${fraction}`) * 1000);
  const precision = fraction === undefined ? PRECISIONS[given] : 'fraction';
  if (precision === undefined) return null;
  const offsetMinutes = offset === undefined ? null : offsetOf(offset);
  if (offsetMinutes !== null && Math.abs(offsetMinutes) > OFFSET_LIMIT_MINUTES) return null;
  return { localMs, precision, offsetMinutes };
}

/** Of the month; `Date.UTC` would take the 31st of February for the 3rd of March. */
function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** Kiritimati and a little more. */
const OFFSET_LIMIT_MINUTES = 15 * 60;

function offsetOf(text: string): number {
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(3, 5));
  return text.startsWith('-') ? -minutes : minutes;
}

const UNIT_MS: Readonly<Record<Exclude<Precision, 'year' | 'month'>, number>> = {
  day: 86_400_000,
  hour: 3_600_000,
  minute: 60_000,
  second: 1000,
  fraction: 1,
};

/**
 * True where both name the same moment as far as the coarser of them says, which must be at least `least`, or lie no
 * further apart than `withinMs`. Where only one has an offset, the other is taken to mean the same one.
 */
export function isSameMoment(a: HL7Date, b: HL7Date, least: Precision, withinMs: number): boolean {
  const coarser = PRECISIONS[Math.min(PRECISIONS.indexOf(a.precision), PRECISIONS.indexOf(b.precision))] ?? 'year';
  if (PRECISIONS.indexOf(coarser) < PRECISIONS.indexOf(least)) return false;
  if (coarser === 'year' || coarser === 'month') {
    const length = coarser === 'year' ? 4 : 7;
    return new Date(a.localMs).toISOString().slice(0, length) === new Date(b.localMs).toISOString().slice(0, length);
  }
  const unit = UNIT_MS[coarser];
  // Told by the clock of the coarser one: an hour of India begins in the middle of one of UTC.
  const [rough, fine] = a.precision === coarser ? [a, b] : [b, a];
  const shift =
    rough.offsetMinutes === null || fine.offsetMinutes === null
      ? 0
      : (rough.offsetMinutes - fine.offsetMinutes) * 60_000;
  const first = Math.floor(rough.localMs / unit) * unit;
  const second = Math.floor((fine.localMs + shift) / unit) * unit;
  return Math.abs(first - second) <= withinMs;
}
