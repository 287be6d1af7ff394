/** `history`: who moved what, when and why, from the gateways' own epoch histories; and whether the ledger has it. */

import { describeRoute } from '../../core/connection.ts';
import type { HistoryDocument } from '../../core/documents.ts';
import { readableTime } from '../../core/readable-time.ts';
import { type Context, gatewayOf } from '../runner/context.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { LedgerSession } from '../runner/ledger-session.ts';
import { EXIT } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const history: TaskVerb = {
  kind: 'task',
  summary: 'who moved what, when and why',
  examples: ['cutover history --connection northside-orders', 'cutover history --wave pilot --json'],
  flags: [...SELECTION_FLAGS, 'inventory', 'json'],
  selectsAll: true,
  perform,
};

async function perform(context: Context, args: Args): Promise<Printed> {
  const ledger = await LedgerSession.open(context, args);
  try {
    const answers = await Promise.all(
      context.selected.map(async ({ name, shard }) => ({ name, result: await gatewayOf(context, shard).epochs(name) })),
    );
    const failed = answers.flatMap(({ name, result }) => (result.ok ? [] : [{ name, error: result.error }]));
    const records = answers.flatMap(({ result }) => (result.ok ? result.value : []));
    const entries = records
      .map(({ requestId: _requestId, previous: _previous, digest: _digest, ...record }) => ({
        ...record,
        inLedger: ledger.has(record.connection, record.epoch),
      }))
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.epoch - b.epoch));
    const warnings = failed.map(({ name, error }) => `${name}: ${error.message}`);
    if (ledger.availability.kind === 'unavailable')
      warnings.push(`the ledger cannot be read: ${ledger.availability.message}`);
    const isLacking = entries.some(({ inLedger }) => inLedger === false);
    const nextSteps = [
      ...new Set([
        ...failed.flatMap(({ error }) => error.next),
        ...(isLacking ? ['cutover sync --all (brings the ledger up)'] : []),
      ]),
    ];
    const ok = warnings.length === 0;
    const document: HistoryDocument = { ok, entries, nextSteps, warnings };
    return { document, text: format(document), exitCode: ok ? EXIT.done : EXIT.failed };
  } finally {
    await ledger.close();
  }
}

function format({ entries, warnings, nextSteps }: HistoryDocument): string {
  const header = ['when', 'connection', 'epoch', 'became', 'by', 'with', 'why'];
  const rows = entries.map((entry) => [
    readableTime(entry.at),
    entry.connection,
    String(entry.epoch),
    describeRoute(entry) + (entry.forced ? ' (forced)' : ''),
    entry.by,
    entry.origin + (entry.inLedger === false ? ', not in the ledger' : ''),
    [entry.reason, entry.changeId].filter((part) => part !== null).join(' · '),
  ]);
  const next = nextSteps.length === 0 ? [] : ['', 'next:', ...nextSteps.map((step) => `  ${step}`)];
  return `${[...warnings.map((warning) => `! ${warning}`), ...formatTable([header, ...rows]), ...next].join('\n')}\n`;
}
