/** The report's two charts as SVG text: the waits at each swap, and the traffic over time. No script, no outside font. */

import { escaped } from '../../core/markup.ts';
import type { RehearsalResult, Sample, Swap } from '../result.ts';
import { number, seconds } from './markup.ts';

const WIDTH = 1000;
const ROW_HEIGHT = 40;
const BAR_HEIGHT = 18;
const NAMES_WIDTH = 130;
const LABELS_WIDTH = 250;
const AXIS_HEIGHT = 24;

/** Of each swap three bars in one, from the same zero: p50, p99 and the longest. */
export function pausesChart(swaps: readonly Swap[]): string {
  const longest = Math.max(1, ...swaps.map(({ pauseMs }) => pauseMs.max));
  const { ticks, end } = axis(longest, 5);
  const width = WIDTH - NAMES_WIDTH - LABELS_WIDTH;
  const x = (ms: number): number => round(NAMES_WIDTH + (ms / end) * width);
  const height = swaps.length * ROW_HEIGHT + AXIS_HEIGHT;
  const bottom = swaps.length * ROW_HEIGHT;
  const grid = ticks.map(
    (tick) =>
      `<line class="rule" x1="${x(tick)}" x2="${x(tick)}" y1="0" y2="${bottom}"/><text class="soft" x="${x(tick)}" y="${bottom + 17}" text-anchor="middle">${number(tick)} ms</text>`,
  );
  const rows = swaps.map(({ step, pauseMs: { p50, p99, max } }, index) => {
    const middle = index * ROW_HEIGHT + ROW_HEIGHT / 2;
    const bar = (kind: string, ms: number): string =>
      `<rect class="${kind}" x="${NAMES_WIDTH}" y="${middle - BAR_HEIGHT / 2}" width="${round(Math.max(1, x(ms) - NAMES_WIDTH))}" height="${BAR_HEIGHT}" rx="3"/>`;
    const label = [p50, p99, max].map((ms) => number(Math.round(ms))).join(' / ');
    return `<text x="${NAMES_WIDTH - 12}" y="${middle + 4}" text-anchor="end">${escaped(step)}</text>${bar('b1', max)}${bar('b2', p99)}${bar('b3', p50)}<text x="${WIDTH - LABELS_WIDTH + 16}" y="${middle + 4}">${label} ms</text>`;
  });
  return svg(height, 'Longest wait of each sender at each swap', [...grid, ...rows]);
}

const PLOT_LEFT = 60;
/** Half of the last time under the axis. */
const RIGHT_MARGIN = 24;
const PLOT_HEIGHT = 190;
const NAMES_HEIGHT = 40;
const SMALLEST_NAMED_BAND = 46;

/** Messages that arrived per second, over the steps of the night. */
export function trafficChart(result: RehearsalResult): string {
  const { samples, steps, ratePerSecond } = result;
  const rates = perSecond(samples);
  const lastMs = Math.max(1, samples.at(-1)?.atMs ?? 1);
  const { ticks, end } = axis(Math.max(ratePerSecond, ...rates.map(({ rate }) => rate)), 4);
  const x = (ms: number): number =>
    round(PLOT_LEFT + (Math.min(ms, lastMs) / lastMs) * (WIDTH - PLOT_LEFT - RIGHT_MARGIN));
  const y = (rate: number): number => round(NAMES_HEIGHT + PLOT_HEIGHT - (rate / end) * PLOT_HEIGHT);
  const floor = y(0);
  const bands = steps.map(({ name, startedAtMs, wallMs }, index) => {
    const [left, right] = [x(startedAtMs), x(startedAtMs + wallMs)];
    const title = `<title>${escaped(name)}: ${seconds(wallMs)}</title>`;
    const fits = right - left >= SMALLEST_NAMED_BAND;
    // Neighbours take turns in two rows, so that long names do not meet.
    const label = fits
      ? `<text class="soft" x="${round((left + right) / 2)}" y="${index % 2 === 0 ? 12 : 28}" text-anchor="middle">${escaped(name)}</text>`
      : '';
    return `<g><rect class="band" x="${left}" y="${NAMES_HEIGHT - 6}" width="${round(Math.max(1, right - left))}" height="${PLOT_HEIGHT + 6}">${title}</rect>${label}</g>`;
  });
  const grid = ticks.map(
    (tick) =>
      `<line class="rule" x1="${PLOT_LEFT}" x2="${WIDTH - RIGHT_MARGIN}" y1="${y(tick)}" y2="${y(tick)}"/><text class="soft" x="${PLOT_LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${number(tick)}</text>`,
  );
  const points = rates.map(({ atMs, rate }) => `${x(atMs)},${y(rate)}`);
  const first = rates[0]?.atMs ?? 0;
  const area = `<polygon class="area" points="${x(first)},${floor} ${points.join(' ')} ${x(lastMs)},${floor}"/>`;
  const line = `<polyline class="line" points="${points.join(' ')}"/>`;
  const wanted = `<line class="wanted" x1="${PLOT_LEFT}" x2="${WIDTH - RIGHT_MARGIN}" y1="${y(ratePerSecond)}" y2="${y(ratePerSecond)}"/>`;
  const times = axis(lastMs / 1000, 8).ticks.filter((tick) => tick * 1000 <= lastMs);
  const clock = times.map(
    (tick) =>
      `<text class="soft" x="${x(tick * 1000)}" y="${floor + 18}" text-anchor="middle">${number(tick)} s</text>`,
  );
  const height = NAMES_HEIGHT + PLOT_HEIGHT + AXIS_HEIGHT;
  return svg(height, 'Messages delivered per second', [...bands, ...grid, area, line, wanted, ...clock]);
}

function perSecond(samples: readonly Sample[]): { readonly atMs: number; readonly rate: number }[] {
  return samples.flatMap(({ atMs, delivered }, index) => {
    const before = samples[index - 1];
    if (before === undefined || atMs <= before.atMs) return [];
    return [{ atMs, rate: Math.max(0, ((delivered - before.delivered) * 1000) / (atMs - before.atMs)) }];
  });
}

/** Round numbers from zero that cover `most`, about `wanted` of them. */
export function axis(most: number, wanted: number): { readonly ticks: number[]; readonly end: number } {
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power);
  const count = Math.max(1, Math.ceil(most / step));
  return { ticks: Array.from({ length: count + 1 }, (_, index) => Math.round(index * step)), end: count * step };
}

function svg(height: number, title: string, parts: readonly string[]): string {
  return `<div class="scroll" tabindex="0"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}"><title>${escaped(title)}</title>${parts.join('')}</svg></div>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
