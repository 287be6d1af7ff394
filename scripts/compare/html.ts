/** A page of one file, light and dark by the reader's system. */
import { escaped } from '../../core/markup.ts';

export type HtmlCell = { readonly text: string; readonly kind?: 'figure' | 'bad' };

export function htmlTable(head: readonly string[], rows: readonly (readonly HtmlCell[])[]): string {
  if (rows.length === 0) return '<p class="soft">none</p>';
  const body = rows.map(
    (cells) =>
      `<tr>${cells.map(({ text, kind = 'text' }) => `<td class="${kind}">${escaped(text)}</td>`).join('')}</tr>`,
  );
  const names = head.map((name) => `<th>${escaped(name)}</th>`).join('');
  return `<div class="scroll"><table><thead><tr>${names}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

const STYLE = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1a2230; --soft: #5a6577; --rule: #dfe3e9;
  --good: #14713a; --good-back: #e5f4ea; --bad: #b0241b; --bad-back: #fcebe9;
  --h0: #e6e9ee; --h1: #8fcfa6; --h2: #f0c674; --h3: #e8894f; --h4: #c0392b; --mark: #ffe08a; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #1a202a; --ink: #e6eaf0; --soft: #9aa6b8; --rule: #2e3745;
  --good: #6fd394; --good-back: #163023; --bad: #ff958b; --bad-back: #3a1c1a; --h0: #262d38; --h1: #2f7d4d; --mark: #6b5410; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 0 0 4px; } h3 { font-size: 14px; margin: 12px 0 0; }
.soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 20px; margin-top: 16px; }
.verdict { border-radius: 10px; padding: 14px 20px; margin-top: 16px; } .verdict strong { font-size: 20px; margin-right: .5em; }
.green { color: var(--good); background: var(--good-back); } .red { color: var(--bad); background: var(--bad-back); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 6px; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-size: 13px; font-weight: 600; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top; overflow-wrap: break-word; }
.figure, .bad { text-align: right; white-space: nowrap; } td.figure, td.bad { padding-right: 20px; } .bad { color: var(--bad); font-weight: 650; }
@media (max-width: 720px) { .scroll > table:not(.heat) { min-width: 640px; } }
.heat { width: auto; min-width: 0; } .heat td { width: 16px; min-width: 14px; padding: 0; border: 1px solid var(--card); }
.heat th { border: 0; padding: 0 6px 0 0; white-space: nowrap; font-weight: 500; }
.h0 { background: var(--h0); } .h1 { background: var(--h1); } .h2 { background: var(--h2); } .h3 { background: var(--h3); } .h4 { background: var(--h4); }
i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 5px 0 14px; }
.sides td { font: 13px ui-monospace, Menlo, monospace; width: 50%; border-right: 1px solid var(--rule); padding: 3px 8px; }
mark { background: var(--mark); color: inherit; }
@media print { :root { color-scheme: light; } body { print-color-adjust: exact; -webkit-print-color-adjust: exact; } main { padding: 0; max-width: none; } section { break-inside: avoid; } .scroll { overflow: visible; } }
`;

export function page(title: string, head: string, sections: readonly string[]): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title><style>${STYLE}</style></head><body><main><h1>${escaped(
    title,
  )}</h1><p class="soft">${escaped(head)}</p>${sections.join('\n')}</main></body></html>\n`;
}
