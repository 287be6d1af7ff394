/** A time as a person reads it in a terminal, always in UTC and saying so; documents for machines keep ISO 8601. */

/** `2026-03-08 06:00 UTC`, with its seconds where there are any. */
export function readableTime(iso: string): string {
  const [, day = '', minute = '', second = '00'] =
    /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)?Z$/.exec(iso) ?? [];
  if (day === '') return iso;
  return `${day} ${minute}${second === '00' ? '' : `:${second}`} UTC`;
}
