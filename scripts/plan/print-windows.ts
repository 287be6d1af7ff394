/** `plan --windows`: the coming windows of every wave, with why each can or cannot be used. */
import type { Inventory } from '../../core/inventory.ts';
import { rulesOf, sharedWindows } from '../../core/planning/calendar.ts';
import { type Measured, needsOf } from '../../core/planning/measured.ts';
import type { Programme } from '../../core/planning/programme.ts';
import { judgeQuiet } from '../../core/planning/quiet.ts';
import { sumProfiles } from '../../core/planning/sum-profiles.ts';
import type { TrafficProfile } from '../../core/planning/traffic.ts';
import { planWaves } from '../../core/planning/waves.ts';
import { fitInto } from '../../core/planning/windows.ts';
import { startOfDate, wallClockAt } from '../../core/planning/zone.ts';
import { formatTable } from '../runner/table.ts';

const SHOWN = 6;

export type WindowLine = {
  readonly wave: string;
  readonly opens: string;
  readonly closes: string;
  readonly hours: number;
  readonly verdict: 'green' | 'red';
  readonly reasons: readonly string[];
};

export type WindowsInput = {
  readonly inventory: Inventory;
  readonly programme: Programme;
  readonly measured: Measured | null;
  readonly traffic: (connection: string) => TrafficProfile | null;
  readonly nowMs: number;
};

export function windowLines({ inventory, programme, measured, traffic, nowMs }: WindowsInput): WindowLine[] {
  const { largestWave, pilot, risk, businessHours, freezes } = programme;
  const { waves } = planWaves(inventory.connections, { pilot, largestWave, risk, messagesPerDay: () => null });
  // Before that no wave gets a night, so such windows would only be read as if one could.
  const startsMs = programme.starts === undefined ? 0 : startOfDate(programme.starts, programme.timeZone);
  const fromMs = Math.max(nowMs, startsMs);
  return waves.flatMap((wave) => {
    const names = wave.units.flatMap((unit) => unit.connections.map(({ name }) => name));
    const reserves = { verifyMs: programme.verification, rollbackAtLeastMs: programme.rollbackAtLeast };
    const needs = needsOf(names.length, measured, reserves);
    const profile = sumProfiles(names.map(traffic));
    return sharedWindows(rulesOf(wave), fromMs)
      .slice(0, SHOWN)
      .map((window): WindowLine => {
        const fit = fitInto(window, needs, { businessHours, freezes }, nowMs);
        const quiet = judgeQuiet(profile, window, programme.quiet);
        const refused = fit.ok ? [] : [fit.refusal.message];
        return {
          wave: wave.name,
          opens: wallClockAt(window.openMs, window.timeZone),
          closes: `${wallClockAt(window.closeMs, window.timeZone)} ${window.timeZone}`,
          hours: Math.round((window.closeMs - window.openMs) / 360_000) / 10,
          verdict: fit.ok ? quiet.verdict : 'red',
          reasons: [...refused, quiet.reason],
        };
      });
  });
}

export function formatWindows(lines: readonly WindowLine[]): string {
  if (lines.length === 0) return 'no windows: write `defaults.window` into the inventory\n';
  const head = ['wave', 'opens', 'closes', 'hours', '', 'why'];
  const rows = lines.map(({ wave, opens, closes, hours, verdict, reasons }) => [
    wave,
    opens,
    closes,
    String(hours),
    verdict === 'green' ? '✓' : '✗',
    reasons.join('; '),
  ]);
  return `${formatTable([head, ...rows]).join('\n')}\n`;
}
