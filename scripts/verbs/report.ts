/** `report`: the sign-off pack of a wave or the programme, one HTML file and a CSV beside it. Changes nothing else. */

import { writeFile } from 'node:fs/promises';
import { counted } from '../../core/count-words.ts';
import type { ReportDocument } from '../../core/report-document.ts';
import { toCsv } from '../report/csv.ts';
import { gather } from '../report/gather.ts';
import { toHtml } from '../report/html.ts';
import type { Context } from '../runner/context.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { outputFile } from '../runner/output-file.ts';
import { EXIT, usage } from '../runner/stop.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const report: TaskVerb = {
  kind: 'task',
  summary: 'the sign-off pack: success criteria, every connection, gate, signatures, RAID, ledger; as HTML and CSV',
  examples: ['cutover report --wave pilot --html pilot.html', 'cutover report --all --html programme.html --json'],
  flags: [...SELECTION_FLAGS, 'html', 'json'],
  selectsAll: true,
  check: ({ html }) => {
    if (html === undefined) throw usage('which file is it written to?', 'cutover report --html report.html');
    if (!html.endsWith('.html'))
      throw usage(
        `--html is '${html}'; its name ends in .html, and the CSV goes beside it`,
        'cutover report --html report.html',
      );
  },
  perform,
};

async function perform(context: Context, args: Args): Promise<Printed> {
  const html = outputFile(context, 'html', args.html ?? 'report.html');
  const csv = html.replace(/\.html$/, '.csv');
  const gathered = await gather(context);
  const ok =
    gathered.connections.every(({ openPoints }) => openPoints.length === 0) &&
    gathered.success.every(({ verdict }) => verdict === 'met' || verdict === 'by-a-person') &&
    gathered.notKnown.length === 0;
  const { stack, inventory, operator, clock } = context;
  const pack = {
    ok,
    deployment: inventory.deployment,
    stack,
    selection: selectionOf(args),
    madeAt: clock.now(),
    madeBy: operator,
    ...gathered,
  };
  await writeFile(html, toHtml(pack));
  await writeFile(csv, toCsv(pack));
  const exitCode = ok ? EXIT.done : EXIT.refused;
  const document: ReportDocument = { ...pack, exitCode, html, csv };
  const open = gathered.connections.filter(({ openPoints }) => openPoints.length > 0);
  const lines = [
    `${counted(gathered.connections.length, 'connection')}, ${open.length} with open points`,
    ...gathered.success.flatMap(({ text, verdict, measured }) =>
      verdict === 'met' ? [] : [`${verdict === 'not-met' ? '✖' : '?'} ${text}: ${measured}`],
    ),
    ...gathered.notKnown.map((each) => `not known: ${each}`),
    html,
    csv,
  ];
  return { document, text: `${lines.join('\n')}\n`, exitCode };
}

function selectionOf({ wave, practice, connection, feed }: Args): string {
  const parts = Object.entries({ wave, practice, connection, feed }).flatMap(([flag, names]) =>
    names === undefined ? [] : [`${flag} ${names.join(', ')}`],
  );
  return parts.length === 0 ? 'the whole programme' : parts.join('; ');
}
