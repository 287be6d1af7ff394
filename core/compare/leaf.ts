/** How two values differ: the same said differently, cut off, spoilt by a charset or an escape, or simply others. */
import { isSameMoment, parseDate } from '../rules/date.ts';
import { isSameNumber } from '../rules/number.ts';
import type { DifferenceKind } from './difference.ts';
import { valueClass } from './value-class.ts';

export type LeafFinding = { readonly kind: DifferenceKind; readonly shape: string };

/** `path`: for the class of the values. Both are characters with their escapes undone, and they are not equal. */
export function judgeValues(control: string, candidate: string, path: string): LeafFinding {
  const classes = `${valueClass(control, path)} against ${valueClass(candidate, path)}`;
  if (isNull(control) && isNull(candidate)) return { kind: 'null-against-empty', shape: classes };
  if (candidate === '') return { kind: 'value-missing', shape: classes };
  if (control === '') return { kind: 'value-extra', shape: classes };
  if (isSameNumber(control, candidate)) return { kind: 'number-format', shape: classes };
  const [left, right] = [parseDate(control), parseDate(candidate)];
  if (left !== null && right !== null && control.length >= 8 && isSameMoment(left, right, 'day', 0)) {
    return { kind: 'date-format', shape: classes };
  }
  if (isSpoilt(control, candidate) || isSpoilt(candidate, control))
    return { kind: 'charset', shape: 'characters spoilt' };
  if (isOverEscaped(control, candidate) || isOverEscaped(candidate, control)) {
    return { kind: 'escape', shape: 'escaped once too often or too rarely' };
  }
  if (control.startsWith(candidate)) return { kind: 'truncated', shape: `cut to ${candidate.length} characters` };
  return { kind: 'value', shape: classes };
}

function isNull(value: string): boolean {
  return value === '' || value === '""';
}

const REPLACEMENTS = /[?\uFFFD]/;

/** UTF-8 read as latin1 (once or twice), or characters replaced by `?` or U+FFFD. */
function isSpoilt(right: string, spoilt: string): boolean {
  if (![...right].some((character) => character > '\x7f')) return false;
  const once = Buffer.from(right, 'utf8').toString('latin1');
  if (spoilt === once || spoilt === Buffer.from(once, 'utf8').toString('latin1')) return true;
  if (Buffer.from(right, 'latin1').toString('utf8') === spoilt) return true;
  if (!REPLACEMENTS.test(spoilt)) return false;
  const pattern = [...right].map((character) => (character > '\x7f' ? '[?\uFFFD]{1,4}' : escapePattern(character)));
  return new RegExp(`^${pattern.join('')}$`, 's').test(spoilt);
}

function escapePattern(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

const ESCAPED: Readonly<Record<string, string>> = { E: '\\', F: '|', S: '^', R: '~', T: '&' };

/** `a \T\ b` as a text, where the other says `a & b`. */
function isOverEscaped(plain: string, escaped: string): boolean {
  if (!escaped.includes('\\')) return false;
  return escaped.replace(/\\([EFSRT])\\/g, (_, letter: string) => ESCAPED[letter] ?? '') === plain;
}
