/** The time in MSH-7 (HL7 v2 section 2.A.22, DTM) as an instant. Without an offset it is the sender's wall clock. */
import { instantAt } from './zone.ts';

const MESSAGE_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(?:(\d{2})(?:\.\d{1,4})?)?([+-]\d{4})?$/;
const MINUTE_MS = 60_000;

/** Null: no time of day, or no time at all; a date alone says nothing of the hour. */
export function parseMessageTime(text: string, timeZone: string): number | null {
  const [, year, month, day, hour, minute, second = '00', offset] = MESSAGE_TIME.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined || hour === undefined || minute === undefined)
    return null;
  const date = `${year}-${month}-${day}`;
  const asUtc = Date.parse(`${date}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(asUtc) || new Date(asUtc).toISOString().slice(0, 10) !== date) return null;
  if (offset === undefined) return instantAt(date, `${hour}:${minute}:${second}`, timeZone, 'first');
  const sign = offset.startsWith('-') ? -1 : 1;
  return asUtc - sign * (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3))) * MINUTE_MS;
}
