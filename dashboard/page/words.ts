/** How verdicts, phases and numbers are shown: a sign and a word always, colour only beside them. */
import type { Tile, Verdict } from '../../core/war-room/board.ts';

export const SIGNS: Readonly<Record<Verdict, string>> = { bad: '✖', unknown: '?', watch: '▲', fine: '✓' };
export const WORDS: Readonly<Record<Verdict, string>> = {
  bad: 'needs somebody',
  unknown: 'unknown',
  watch: 'watch',
  fine: 'fine',
};

const PHASE_MARKS: Readonly<Record<string, string>> = {
  legacy: 'L',
  parallel: 'L∥N',
  switched: 'N',
  decommissioned: 'N·',
};

/** Who delivers now, in a few characters. */
export function phaseMark({ phase, newWeight }: Tile): string {
  if (phase === null) return '—';
  return phase === 'parallel' && newWeight > 0 ? `N ${newWeight}%` : (PHASE_MARKS[phase] ?? phase);
}

export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function rate(value: number): string {
  return value >= 10 ? number(value) : value.toFixed(1);
}

export function time(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}

/** `destinationRejected` as people read it. */
export function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** What a screen reader says between a tile's name and its figures. */
export function spoken(tile: Tile): string {
  const why = tile.reasons[0] === undefined ? '' : `: ${tile.reasons[0]}`;
  return `${WORDS[tile.verdict]}${why}, ${tile.phase ?? 'phase unknown'}`;
}
