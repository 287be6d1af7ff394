/** `--since` and `--until`: an ISO time or a duration ago. Windows are whole minutes, as arrivals are counted by minute. */
import { parseDurationMs } from '../../core/duration.ts';
import type { Args } from '../runner/flags.ts';
import { usage } from '../runner/stop.ts';

const MINUTE_MS = 60_000;
/** Far enough for anything that is clock skew. */
const AHEAD_MS = 10 * MINUTE_MS;

export type AskedWindow = {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Everything up to now was asked for. */
  readonly isOpen: boolean;
};

export function windowOf({ since, until }: Args, nowMs: number): AskedWindow {
  const sinceMs = since === undefined ? 0 : Math.floor(timeOf('since', since, nowMs) / MINUTE_MS) * MINUTE_MS;
  const untilMs =
    until === undefined ? nowMs + AHEAD_MS : Math.ceil(timeOf('until', until, nowMs) / MINUTE_MS) * MINUTE_MS;
  if (sinceMs >= untilMs) throw usage('--since is not before --until', 'cutover reconcile --since 12h');
  return { sinceMs, untilMs, isOpen: until === undefined };
}

function timeOf(flag: string, text: string, nowMs: number): number {
  const agoMs = parseDurationMs(text);
  if (agoMs !== null) return nowMs - agoMs;
  const day = /^(\d{4}-\d\d-\d\d)T.*(?:Z|[+-]\d\d:\d\d)$/.exec(text)?.[1];
  const ms = day !== undefined && isDay(day) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    const what = `--${flag} is '${text}'; it must be a time with its zone, or a duration`;
    throw usage(what, `cutover reconcile --${flag} 2026-06-01T22:00:00-05:00, or --${flag} 12h`);
  }
  return ms;
}

/** `Date.parse` takes the 31st of June for the 1st of July. */
function isDay(day: string): boolean {
  const ms = Date.parse(day);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}
