/**
 * Whether now is a good moment to switch: a window is open, it is allowed and quiet, and there is time left for the
 * verification and the way back. What the gate asks.
 */
import { judgeQuiet, QUIET_LIMITS, type QuietLimits } from './quiet.ts';
import type { TrafficProfile } from './traffic.ts';
import { fitInto, type Needs, type Night, type Restrictions, type WindowRule, windowAt, windowsIn } from './windows.ts';
import { wallClockAt } from './zone.ts';

export type MomentQuestion = {
  readonly nowMs: number;
  /** Null: the inventory has none. */
  readonly rule: WindowRule | null;
  /** Null: nobody has measured it. */
  readonly needs: Needs | null;
  readonly restrictions: Restrictions;
  readonly profile: TrafficProfile | null;
  readonly limits?: QuietLimits;
};

export type MomentVerdict = {
  readonly verdict: 'green' | 'red';
  /** Each of them is why it is red; where it is green, what it rests on. */
  readonly reasons: readonly string[];
  /** Null where it is red. */
  readonly night: Night | null;
};

const LOOK_AHEAD_MS = 60 * 86_400_000;

export function judgeMoment(question: MomentQuestion): MomentVerdict {
  const { nowMs, rule, needs, restrictions, profile, limits = QUIET_LIMITS } = question;
  if (rule === null) return red('no window is configured: write `window` (or `defaults.window`) into the inventory');
  const window = windowAt(rule, nowMs);
  if (window === null) return red(`no window is open; ${nextOpening(rule, nowMs)}`);
  const quiet = judgeQuiet(profile, window, limits);
  const unquiet = quiet.verdict === 'red' ? [quiet.reason] : [];
  if (needs === null) return red('nobody has measured how long it takes: rehearse or drill first', ...unquiet);
  const fit = fitInto(window, needs, restrictions, nowMs);
  if (!fit.ok) return red(fit.refusal.message, ...unquiet);
  if (unquiet.length > 0) return red(...unquiet);
  const { night } = fit;
  const closes = `the window is open until ${wallClockAt(window.closeMs, window.timeZone)} ${window.timeZone}`;
  const safe = `a rollback must begin by ${wallClockAt(night.lastSafeMs, window.timeZone)}`;
  return { verdict: 'green', reasons: [closes, safe, quiet.reason], night };
}

function nextOpening(rule: WindowRule, nowMs: number): string {
  const [next] = windowsIn(rule, { fromMs: nowMs, toMs: nowMs + LOOK_AHEAD_MS });
  if (next === undefined) return 'none opens within 60 days';
  return `the next opens ${wallClockAt(next.openMs, next.timeZone)} ${next.timeZone}`;
}

function red(...reasons: string[]): MomentVerdict {
  return { verdict: 'red', reasons, night: null };
}
