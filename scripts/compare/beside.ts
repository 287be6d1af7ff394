/** Pairs side by side as a part of a page: fields that differ are marked. Values only where a person has asked for them. */
import type { RecordedPair } from '../../adapters/recorded-pairs.ts';
import { type FieldCell, fieldsBeside } from '../../core/compare/side-by-side.ts';
import { escaped } from '../../core/markup.ts';

const SEGMENTS_LIMIT = 200;
const FIELD_LENGTH = 120;

/** `heading`: which pair it is; ids and paths. */
export type Beside = { readonly heading: string; readonly pair: RecordedPair };

export function besideHtml({ heading, pair }: Beside, values: 'shown' | 'classes'): string {
  const rows = fieldsBeside(pair.control, pair.candidate, values);
  const title = `<h3>${escaped(heading)}</h3>`;
  if (rows === null) return `${title}<p class="soft">one side is no HL7</p>`;
  const cut =
    rows.length > SEGMENTS_LIMIT ? `<p class="soft">and ${rows.length - SEGMENTS_LIMIT} segments more</p>` : '';
  const body = rows
    .slice(0, SEGMENTS_LIMIT)
    .map(({ control, candidate }) => `<tr><td>${lineHtml(control)}</td><td>${lineHtml(candidate)}</td></tr>`);
  const platforms = pair.controlPlatform === 'legacy' ? ['legacy', 'new'] : ['new', 'legacy'];
  const head = platforms.map((name, at) => `<th>${name} (${at === 0 ? 'control' : 'candidate'})</th>`).join('');
  return `${title}<table class="sides"><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>${cut}`;
}

function lineHtml(cells: readonly FieldCell[] | null): string {
  if (cells === null) return '<mark>not there</mark>';
  return cells
    .map(({ text, differs }) => {
      const shown = escaped(text.length > FIELD_LENGTH ? `${text.slice(0, FIELD_LENGTH)}…` : text);
      return differs ? `<mark>${shown === '' ? '·' : shown}</mark>` : shown;
    })
    .join('|');
}
