/**
 * Change windows: from rules by the wall clock (`sat 22:00 to 04:00, America/Chicago`) to real spans of time, and
 * whether a wave fits into one with its verification and its way back. On a night when the clocks are changed a window
 * is as long as it really is; where a wall-clock time is ambiguous, the shorter window is meant.
 */
import type { Span } from './traffic.ts';
import { addDays, type Day, dayOf, instantAt, localDateAt, startOfDate, wallClockAt } from './zone.ts';

/** `days` name the evening on which it opens; a `to` that is not later than `from` is on the next day. */
export type WindowRule = {
  readonly days: readonly Day[];
  /** HH:MM. */
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
};

export type ChangeWindow = {
  /** The date of its evening, there. */
  readonly date: string;
  readonly openMs: number;
  readonly closeMs: number;
  readonly timeZone: string;
};

/** Nobody changes anything then. Both dates belong to it. */
export type Freeze = { readonly from: string; readonly to: string; readonly reason: string };

/** The longest search: a programme of three years. */
const DAYS_LIMIT = 1_100;

/** Windows that open within the span, in order. */
export function windowsIn(rule: WindowRule, span: Span): ChangeWindow[] {
  return spansOf(rule, span, 'shorter').filter(({ openMs }) => openMs >= span.fromMs && openMs < span.toMs);
}

/** The window that is open at this moment, or null. */
export function windowAt(rule: WindowRule, atMs: number): ChangeWindow | null {
  const around = { fromMs: atMs, toMs: atMs + 1 };
  return spansOf(rule, around, 'shorter').find(({ openMs, closeMs }) => openMs <= atMs && atMs < closeMs) ?? null;
}

function spansOf(rule: WindowRule, { fromMs, toMs }: Span, lean: 'shorter' | 'longer'): ChangeWindow[] {
  const { timeZone } = rule;
  const [opens, closes] = lean === 'shorter' ? (['last', 'first'] as const) : (['first', 'last'] as const);
  const last = localDateAt(toMs, timeZone);
  const found: ChangeWindow[] = [];
  let date = addDays(localDateAt(fromMs, timeZone), -1);
  for (let days = 0; date <= last; date = addDays(date, 1), days++) {
    if (days > DAYS_LIMIT) throw new RangeError(`windows are looked for in ${DAYS_LIMIT} days at most`);
    if (!rule.days.includes(dayOf(date))) continue;
    const openMs = instantAt(date, rule.from, timeZone, opens);
    const closeMs = instantAt(rule.to > rule.from ? date : addDays(date, 1), rule.to, timeZone, closes);
    if (closeMs > openMs) found.push({ date, openMs, closeMs, timeZone });
  }
  return found;
}

/** What a wave takes, from measured figures. */
export type Needs = { readonly switchMs: number; readonly verifyMs: number; readonly rollbackMs: number };

export type Night = {
  readonly window: ChangeWindow;
  readonly startMs: number;
  /** When switch and verification are over, if all goes as measured. */
  readonly doneMs: number;
  /** A rollback that begins later does not end within the window. */
  readonly lastSafeMs: number;
  /** A switch that begins later leaves no time for verification and rollback. */
  readonly lastStartMs: number;
  /** How much longer switch and verification may take than measured. */
  readonly spareMs: number;
};

export type WindowRefusal = {
  readonly code: 'too-short' | 'business-hours' | 'freeze';
  readonly message: string;
};

export type Fit =
  | { readonly ok: true; readonly night: Night }
  | { readonly ok: false; readonly refusal: WindowRefusal };

export type Restrictions = {
  readonly businessHours: readonly WindowRule[];
  readonly freezes: readonly Freeze[];
};

/** `startMs`: no earlier than this, and no earlier than the window opens. */
export function fitInto(window: ChangeWindow, needs: Needs, restrictions: Restrictions, startMs = window.openMs): Fit {
  const refusal = touchesBusiness(window, restrictions.businessHours) ?? touchesFreeze(window, restrictions.freezes);
  if (refusal !== null) return { ok: false, refusal };
  const begin = Math.max(startMs, window.openMs);
  const lastSafeMs = window.closeMs - needs.rollbackMs;
  const doneMs = begin + needs.switchMs + needs.verifyMs;
  const lastStartMs = lastSafeMs - needs.switchMs - needs.verifyMs;
  if (doneMs > lastSafeMs) {
    const needed = needs.switchMs + needs.verifyMs + needs.rollbackMs;
    const message =
      `it needs ${minutes(needed)} (switch ${minutes(needs.switchMs)}, verification ${minutes(needs.verifyMs)}, ` +
      `rollback ${minutes(needs.rollbackMs)}) and ${nameOf(window)} has ${minutes(Math.max(0, window.closeMs - begin))}`;
    return { ok: false, refusal: { code: 'too-short', message } };
  }
  return { ok: true, night: { window, startMs: begin, doneMs, lastSafeMs, lastStartMs, spareMs: lastSafeMs - doneMs } };
}

function touchesBusiness(window: ChangeWindow, rules: readonly WindowRule[]): WindowRefusal | null {
  const span = { fromMs: window.openMs, toMs: window.closeMs };
  for (const rule of rules) {
    const hit = spansOf(rule, span, 'longer').find((busy) => busy.openMs < span.toMs && span.fromMs < busy.closeMs);
    if (hit === undefined) continue;
    const message = `${nameOf(window)} touches business hours (${rule.from} to ${rule.to} ${rule.timeZone} on ${hit.date})`;
    return { code: 'business-hours', message };
  }
  return null;
}

function touchesFreeze(window: ChangeWindow, freezes: readonly Freeze[]): WindowRefusal | null {
  for (const { from, to, reason } of freezes) {
    const fromMs = startOfDate(from, window.timeZone);
    const toMs = startOfDate(addDays(to, 1), window.timeZone);
    if (window.openMs >= toMs || window.closeMs <= fromMs) continue;
    return { code: 'freeze', message: `${nameOf(window)} is within the freeze ${from} to ${to} (${reason})` };
  }
  return null;
}

export function nameOf({ openMs, closeMs, timeZone }: ChangeWindow): string {
  return `the window ${wallClockAt(openMs, timeZone)} to ${wallClockAt(closeMs, timeZone)} ${timeZone}`;
}

function minutes(ms: number): string {
  return `${Math.ceil(ms / 60_000)} min`;
}
