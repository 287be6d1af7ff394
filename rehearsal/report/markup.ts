/** Figures and tables of the report's HTML and SVG. */
import { escaped } from '../../core/markup.ts';

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

export type Cell = { readonly text: string; readonly kind?: 'figure' | 'bad' | 'name' };

/** Without a head where that is empty. Cells of kind `figure` and `bad` are set to the right. */
export function table(head: readonly Cell[], rows: readonly (readonly Cell[])[]): string {
  const cell = (tag: 'th' | 'td', { text, kind }: Cell): string =>
    `<${tag}${kind === undefined ? '' : ` class="${kind}"`}>${escaped(text)}</${tag}>`;
  const row = (tag: 'th' | 'td', cells: readonly Cell[]): string =>
    `<tr>${cells.map((each) => cell(tag, each)).join('')}</tr>`;
  return `<div class="scroll"><table>${head.length === 0 ? '' : `<thead>${row('th', head)}</thead>`}<tbody>${rows.map((each) => row('td', each)).join('')}</tbody></table></div>`;
}
