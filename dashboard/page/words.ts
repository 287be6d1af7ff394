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
  return value >= 10 || value === 0 ? number(value) : value.toFixed(1);
}

function time(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}

/** The time here, with its zone: people on one call may sit in several. */
export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB', { timeZoneName: 'short' });
}

/** A time of today as it is; any other with its date, for a programme lasts months. */
export function moment(atMs: number): string {
  const at = new Date(atMs);
  if (at.toDateString() === new Date().toDateString()) return time(atMs);
  const day = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
  return `${day}, ${at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}`;
}

/** Of a document, whose times are written in UTC. */
export function utc(at: string): string {
  return `${at.replace('T', ' ').slice(0, 16)} UTC`;
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
