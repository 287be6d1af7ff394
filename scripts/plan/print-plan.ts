/** The plan for people: waves on nights, then what is red, then what to do. */
import { counted } from '../../core/count-words.ts';
import type { PlannedWave, ProgrammePlan } from '../../core/planning/plan-document.ts';
import { wallClockAt } from '../../core/planning/zone.ts';
import { formatTable } from '../runner/table.ts';

const NAMES_SHOWN = 4;

export function formatPlan(plan: ProgrammePlan): string {
  const lines = [
    `Programme of ${plan.stack}: ${counted(
      plan.waves.reduce((sum, wave) => sum + wave.connections.length, 0),
      'connection',
    )} in ${counted(plan.waves.length, 'wave')}`,
    '',
  ];
  const head = ['wave', 'conn.', 'practices', 'risk', 'night', 'start', 'done', 'last safe', 'closes', 'msgs'];
  lines.push(...formatTable([head, ...plan.waves.map(waveRow)], '  '), '');
  for (const wave of plan.waves) lines.push(...waveLines(wave));
  if (plan.measured !== null) {
    const { connections, switchMs, rollbackMs, source } = plan.measured;
    lines.push(
      `measured: ${counted(connections, 'connection')} switched in ${seconds(switchMs)}, rolled back in ${seconds(rollbackMs)} (${source}); the plan takes twice that`,
      '',
    );
  }
  for (const warning of plan.warnings) lines.push(`! ${warning}`);
  if (plan.red.length > 0) {
    lines.push('red today:');
    for (const { message, connections, remedy } of plan.red) {
      const names = connections.length === 0 ? '' : ` (${connections.length}: ${listed(connections)})`;
      lines.push(`  ✗ ${message}${names}`, `      → ${remedy}`);
    }
    lines.push('');
  }
  if (plan.ok) lines.push('green: every wave has a quiet night that is long enough', '');
  if (plan.nextSteps.length > 0 && plan.red.length === 0)
    lines.push('next:', ...plan.nextSteps.map((step) => `  ${step}`));
  return `${lines.join('\n').trimEnd()}\n`;
}

function waveRow(wave: PlannedWave): string[] {
  const { name, connections, practices, risk, night, quiet } = wave;
  const size = [name, String(connections.length), String(practices.length), risk];
  if (night === null) return [...size, 'none', '', '', '', '', ''];
  const time = (at: string): string => wallClockAt(Date.parse(at), night.timeZone).slice(-5);
  const expected = quiet?.expectedMessages ?? null;
  return [
    ...size,
    wallClockAt(Date.parse(night.opensAt), night.timeZone).slice(0, 14),
    time(night.startsAt),
    time(night.doneAt),
    time(night.lastSafeAt),
    `${time(night.closesAt)} ${night.timeZone}`,
    expected === null ? '?' : String(Math.round(expected)),
  ];
}

function waveLines({ name, practices, people, passedOver, red }: PlannedWave): string[] {
  const lines = [`  ${name}: ${listed(practices)}`];
  if (people.length > 0) {
    const byRole = Map.groupBy(people, ({ role }) => role);
    const roles = [...byRole].map(([role, who]) => `${role}: ${listed(who.map((one) => one.who))}`);
    lines.push(`    there: ${roles.join(' · ')}`);
  }
  const byReason = Map.groupBy(passedOver, ({ reason }) =>
    reason.replace(/the window .*? (is within|touches|has)/, 'the window $1'),
  );
  for (const [reason, nights] of [...byReason].slice(0, NAMES_SHOWN)) {
    lines.push(`    passed over ${listed(nights.map(({ date }) => date))}: ${reason}`);
  }
  for (const reason of red) lines.push(`    ✗ ${reason}`);
  lines.push('');
  return lines;
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return more > 0 ? `${names.slice(0, NAMES_SHOWN).join(', ')} and ${more} more` : names.join(', ');
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
