/** The table of connections as CSV, for a spreadsheet program; and its columns, which the HTML has too. */
import type { ReportConnection, ReportDocument } from '../../core/report-document.ts';

export const COLUMNS: readonly (readonly [keyof ReportConnection, string])[] = [
  ['name', 'connection'],
  ['practice', 'practice'],
  ['wave', 'wave'],
  ['phase', 'phase'],
  ['control', 'control'],
  ['epoch', 'epoch'],
  ['received', 'received'],
  ['accepted', 'accepted'],
  ['delivered', 'delivered'],
  ['deliveredByLegacy', 'of them from legacy'],
  ['deliveredByNew', 'of them from new'],
  ['destinationRejected', 'rejected by destination'],
  ['maybeSent', 'maybe sent'],
  ['decisions', 'decisions open'],
  ['longestPauseMs', 'longest pause (ms)'],
  ['pairs', 'pairs'],
  ['matched', 'the same'],
  ['byRule', 'by a rule'],
  ['rules', 'rules'],
  ['open', 'open'],
  ['approval', 'approval'],
  ['signoff', 'sign-off'],
  ['signedOffBy', 'signed off by'],
  ['movedBy', 'moved by'],
  ['movedAt', 'moved at'],
  ['openPoints', 'open points'],
];

export function toCsv({ connections }: Pick<ReportDocument, 'connections'>): string {
  const rows = connections.map((line) => COLUMNS.map(([key]) => cellText(line[key])));
  return `${[COLUMNS.map(([, title]) => title), ...rows].map((row) => row.map(csvCell).join(',')).join('\r\n')}\r\n`;
}

/** A cell that begins like a formula is one to a spreadsheet program: it is made a text. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function cellText(value: ReportConnection[keyof ReportConnection]): string {
  if (value === null) return 'not known';
  return Array.isArray(value) ? value.join('; ') : String(value);
}
