/** The plan as one SVG: a line a wave with its night to scale, and the lab's traffic by hour of the week below. */
import { counted } from '../../core/count-words.ts';
import { escaped } from '../../core/markup.ts';
import type { PlannedWave, ProgrammePlan } from '../../core/planning/plan-document.ts';
import { wallClockAt } from '../../core/planning/zone.ts';

const WIDTH = 1080;
const LEFT = 300;
const ROW = 46;
const TOP = 74;
const HEAT_ROW = 20;
const DAY_NAMES = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const INK = '#1a2230';
const SOFT = '#5a6577';

export function toPicture(plan: ProgrammePlan): string {
  const heatTop = TOP + plan.waves.length * ROW + 40;
  const height = heatTop + (plan.traffic.hours.length > 0 ? 7 * HEAT_ROW + 60 : 20);
  const longest = Math.max(1, ...plan.waves.map(lengthOf));
  const parts = [
    text(24, 36, `Cutover programme of ${plan.stack}`, { size: 20, weight: 600 }),
    text(24, 56, legend(), { size: 12, colour: SOFT }),
    ...plan.waves.flatMap((wave, index) => waveRow(wave, TOP + index * ROW, longest)),
    ...heatOf(plan, heatTop),
  ];
  const title = `Programme of ${plan.stack}: ${counted(plan.waves.length, 'wave')}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, 'DejaVu Sans', sans-serif"><title>${escaped(title)}</title><rect width="${WIDTH}" height="${height}" fill="#ffffff"/>${parts.join('')}</svg>\n`;
}

function legend(): string {
  return 'each bar is the window of its night, to one scale: switch ▮ verification ▮ to spare ▯ reserved for the rollback ▨';
}

function lengthOf({ night }: PlannedWave): number {
  return night === null ? 0 : Date.parse(night.closesAt) - Date.parse(night.opensAt);
}

function waveRow(wave: PlannedWave, y: number, longestMs: number): string[] {
  const { name, connections, night, needs, red } = wave;
  const isRed = red.length > 0;
  const size = `${counted(connections.length, 'connection')}${isRed ? ' · RED' : ''}`;
  const label = [
    text(24, y + 16, name, { size: 14, weight: 600 }),
    text(24, y + 32, size, { size: 12, colour: isRed ? '#b0241b' : SOFT }),
  ];
  if (night === null)
    return [...label, text(LEFT, y + 22, `no night: ${red[0] ?? ''}`, { size: 12, colour: '#b0241b' })];
  const scale = (WIDTH - LEFT - 24) / longestMs;
  const opens = Date.parse(night.opensAt);
  const x = (at: string, plusMs = 0): number => LEFT + (Date.parse(at) + plusMs - opens) * scale;
  const bar = (from: number, to: number, fill: string): string =>
    `<rect x="${round(from)}" y="${y + 18}" width="${round(Math.max(1, to - from))}" height="16" fill="${fill}"/>`;
  const date = wallClockAt(opens, night.timeZone);
  const switched = x(night.startsAt, needs.switchMs);
  return [
    ...label,
    text(LEFT - 96, y + 30, date.slice(0, 14), { size: 12 }),
    bar(x(night.opensAt), x(night.closesAt), '#e3e8ef'),
    bar(x(night.startsAt), switched, '#1f5fc4'),
    bar(switched, x(night.doneAt), '#7fabf0'),
    bar(x(night.lastSafeAt), x(night.closesAt), '#f2b84b'),
    text(LEFT, y + 13, `${date.slice(-5)} ${night.timeZone}`, { size: 11, colour: SOFT }),
    text(
      x(night.lastSafeAt),
      y + 13,
      `last safe ${wallClockAt(Date.parse(night.lastSafeAt), night.timeZone).slice(-5)}`,
      {
        size: 11,
        colour: SOFT,
        anchor: 'end',
      },
    ),
    text(x(night.closesAt), y + 13, wallClockAt(Date.parse(night.closesAt), night.timeZone).slice(-5), {
      size: 11,
      colour: SOFT,
      anchor: 'end',
    }),
  ];
}

/** Dark is busy; hours that nobody observed are crossed out rather than light. */
function heatOf({ traffic, timeZone }: ProgrammePlan, top: number): string[] {
  if (traffic.hours.length === 0) return [];
  const busiest = Math.max(1, ...traffic.hours.map((hour) => hour ?? 0));
  const cell = (WIDTH - LEFT - 24) / 24;
  const cells = traffic.hours.map((perHour, index) => {
    const x = LEFT + (index % 24) * cell;
    const y = top + 28 + Math.floor(index / 24) * HEAT_ROW;
    const what = perHour === null ? 'not observed' : `${counted(Math.round(perHour), 'message')} an hour`;
    const fill = perHour === null ? '#ffffff' : shade(perHour / busiest);
    const cross =
      perHour === null ? `<path d="M${round(x)} ${y}l${round(cell - 2)} ${HEAT_ROW - 2}" stroke="#9aa6b8"/>` : '';
    return `<rect x="${round(x)}" y="${y}" width="${round(cell - 2)}" height="${HEAT_ROW - 2}" fill="${fill}" stroke="#dfe3e9"><title>${DAY_NAMES[Math.floor(index / 24)]} ${index % 24}:00, ${what}</title></rect>${cross}`;
  });
  const days = DAY_NAMES.map((day, index) => text(LEFT - 44, top + 42 + index * HEAT_ROW, day, { size: 12 }));
  const hours = [0, 6, 12, 18].map((hour) =>
    text(LEFT + hour * cell, top + 22, `${hour}:00`, { size: 11, colour: SOFT }),
  );
  return [
    text(24, top + 10, `Traffic of the lab by hour of the week (${timeZone})`, { size: 14, weight: 600 }),
    ...cells,
    ...days,
    ...hours,
  ];
}

function shade(share: number): string {
  const mix = (from: number, to: number): number => Math.round(from + (to - from) * Math.sqrt(share));
  return `rgb(${mix(244, 20)},${mix(247, 62)},${mix(252, 130)})`;
}

type TextStyle = { size: number; weight?: number; colour?: string; anchor?: 'end' };

function text(x: number, y: number, content: string, { size, weight = 400, colour = INK, anchor }: TextStyle): string {
  const end = anchor === undefined ? '' : ` text-anchor="${anchor}"`;
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" font-weight="${weight}" fill="${colour}"${end}>${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
