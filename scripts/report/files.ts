/** The pack as one HTML file that opens offline and prints, and as CSV. No script, no picture, nothing from a network. */
import type { ReportConnection, ReportDocument } from '../../core/report-document.ts';

const COLUMNS: readonly (readonly [keyof ReportConnection, string])[] = [
  ['name', 'connection'],
  ['practice', 'practice'],
  ['wave', 'wave'],
  ['phase', 'phase'],
  ['control', 'control'],
  ['epoch', 'epoch'],
  ['received', 'received'],
  ['accepted', 'accepted'],
  ['delivered', 'delivered'],
  ['destinationRejected', 'rejected by destination'],
  ['maybeSent', 'maybe sent'],
  ['decisions', 'decisions open'],
  ['pairs', 'pairs'],
  ['matched', 'the same'],
  ['byRule', 'by a rule'],
  ['open', 'open'],
  ['approval', 'approval'],
  ['movedBy', 'moved by'],
  ['movedAt', 'moved at'],
  ['openPoints', 'open points'],
];

const STYLE = `body{font:14px/1.45 system-ui,"DejaVu Sans",sans-serif;color:#17202c;margin:32px;background:#fff}h1{font-size:24px;margin:0}h2{font-size:17px;margin:28px 0 6px}
p,ul{margin:6px 0}table{border-collapse:collapse;width:100%;font-size:12px}th,td{border-bottom:1px solid #d9dee6;padding:3px 8px 3px 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{color:#4c596b}td.n{text-align:right;font-variant-numeric:tabular-nums}.verdict{font-size:18px;font-weight:650;padding:8px 12px;border-left:6px solid}.ok{border-color:#00578a;background:#e3f0f8}.red{border-color:#a3330c;background:#fde7dd}
code{font:12px ui-monospace,"DejaVu Sans Mono",monospace}tr{break-inside:avoid}@page{size:A4 landscape;margin:14mm}`;

export function toCsv({ connections }: Pick<ReportDocument, 'connections'>): string {
  const rows = connections.map((line) => COLUMNS.map(([key]) => cellText(line[key])));
  return `${[COLUMNS.map(([, title]) => title), ...rows].map((row) => row.map(csvCell).join(',')).join('\r\n')}\r\n`;
}

/** A cell that begins like a formula is one to a spreadsheet program: it is made a text. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function toHtml(report: Omit<ReportDocument, 'html' | 'csv' | 'exitCode'>): string {
  const { deployment, stack, selection, madeAt, madeBy, connections, timeline, notKnown, ok } = report;
  const open = connections.filter(({ openPoints }) => openPoints.length > 0);
  const verdict = ok
    ? `All ${connections.length} connections have nothing open`
    : `${open.length} of ${connections.length} connections have open points`;
  const total = (read: (line: ReportConnection) => number | null): string => {
    const known = connections.map(read);
    return known.includes(null)
      ? 'not known'
      : known.reduce<number>((sum, figure) => sum + (figure ?? 0), 0).toLocaleString('en-US');
  };
  const sums = [
    ['delivered to destinations', total((line) => line.delivered)],
    ['rejected by destinations', total((line) => line.destinationRejected)],
    ['maybe sent (listed by id at the gateways)', total((line) => line.maybeSent)],
    ['pairs compared', total((line) => line.pairs)],
    ['of them with differences that no rule accepts', total((line) => line.open)],
  ];
  const head = COLUMNS.map(([, title]) => `<th scope="col">${title}</th>`).join('');
  const rows = connections.map((line) => `<tr>${COLUMNS.map(([key]) => cell(line[key])).join('')}</tr>`).join('');
  const moves = timeline.map(
    (move) =>
      `<tr><td>${escaped(move.at)}</td><td>${escaped(move.connection)}</td><td>${move.epoch}</td><td>${escaped(move.became)}</td><td>${escaped(move.by)}</td><td>${escaped(move.reason ?? '')}</td><td><code>${escaped(move.digest.slice(0, 19))}</code></td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign-off pack: ${escaped(deployment)}</title><style>${STYLE}</style></head><body>
<h1>Sign-off pack</h1>
<p>${escaped(deployment)}, stack ${escaped(stack)}, ${escaped(selection)}. Made ${escaped(madeAt)} by ${escaped(madeBy)}. It holds no message content.</p>
<p class="verdict ${ok ? 'ok' : 'red'}">${ok ? '✓' : '✖'} ${escaped(verdict)}</p>
${notKnown.length === 0 ? '' : `<h2>Not known</h2><ul>${notKnown.map((each) => `<li>${escaped(each)}</li>`).join('')}</ul>`}
<h2>In all</h2><table><tbody>${sums.map(([what = '', figure = '']) => `<tr><th scope="row">${what}</th><td>${figure}</td></tr>`).join('')}</tbody></table>
<h2>Every connection</h2><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>
<h2>What moved when</h2>${moves.length === 0 ? '<p>Nothing has moved.</p>' : `<table><thead><tr><th scope="col">when (UTC)</th><th scope="col">connection</th><th scope="col">epoch</th><th scope="col">became</th><th scope="col">by</th><th scope="col">why</th><th scope="col">record</th></tr></thead><tbody>${moves.join('')}</tbody></table>`}
<h2>How to check this</h2><p><code>cutover history --json</code> gives the hash-linked epoch records that the last column names; <code>cutover audit verify</code> checks ledger, signatures and checkpoints offline.</p>
<h2>Signed</h2><p>Engineering: ______________________ &nbsp; Lab Operations: ______________________ &nbsp; Date: ____________</p>
</body></html>
`;
}

function cell(value: ReportConnection[keyof ReportConnection]): string {
  return typeof value === 'number'
    ? `<td class="n">${value.toLocaleString('en-US')}</td>`
    : `<td>${escaped(cellText(value))}</td>`;
}

function cellText(value: ReportConnection[keyof ReportConnection]): string {
  if (value === null) return 'not known';
  return Array.isArray(value) ? value.join('; ') : String(value);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
