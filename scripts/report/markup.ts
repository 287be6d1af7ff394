/** Pieces of the pack's HTML. Every text goes through `escaped`. */
import { escaped } from '../../core/markup.ts';

type Cell = string | number | null;

export function section(title: string, body: string): string {
  return `<h2>${escaped(title)}</h2>${body}`;
}

export function list(items: readonly string[]): string {
  return `<ul>${items.map((each) => `<li>${escaped(each)}</li>`).join('')}</ul>`;
}

export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumber = (column: number): boolean => typeof rows[0]?.[column] === 'number';
  const titles = head.every((title) => title === '')
    ? ''
    : `<thead><tr>${head.map((title, column) => `<th scope="col"${isNumber(column) ? ' class="n"' : ''}>${escaped(title)}</th>`).join('')}</tr></thead>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('');
  return `<div class="wide"><table>${titles}<tbody>${body}</tbody></table></div>`;
}

function cell(value: Cell, column: number): string {
  if (value === null) return '<td><small>not known</small></td>';
  if (typeof value === 'number') return `<td class="n">${value.toLocaleString('en-US')}</td>`;
  return column === 0 ? `<th scope="row">${escaped(value)}</th>` : `<td>${escaped(value)}</td>`;
}
