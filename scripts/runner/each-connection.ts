/** One call to a gateway for each selected connection, and the outcome as a document. */
import type { GatewayClient, GatewayResult } from '../../adapters/gateway-admin.ts';
import { LedgerUnavailable } from '../../adapters/ledger.ts';
import type { ActionDocument } from '../../core/documents.ts';
import type { Connection } from '../../core/inventory.ts';
import { type Context, gatewayOf } from './context.ts';
import type { Args } from './flags.ts';
import { LedgerSession } from './ledger-session.ts';
import { EXIT } from './stop.ts';
import { formatTable } from './table.ts';
import type { Printed } from './verb.ts';

/** More than these are counted, not listed: failures are always listed. */
const LISTED = 20;

/** `say`: what became of one, from the gateway's answer. */
export async function forEachConnection<Answer>(
  context: Context,
  args: Args,
  call: (gateway: GatewayClient, name: string) => Promise<GatewayResult<Answer>>,
  say: (answer: Answer, connection: Connection) => string,
): Promise<Printed> {
  const answers = await Promise.all(
    context.selected.map(async (connection) => ({
      connection,
      result: await call(gatewayOf(context, connection.shard), connection.name),
    })),
  );
  const done = answers.flatMap(({ connection, result }) =>
    result.ok ? [{ name: connection.name, message: say(result.value, connection) }] : [],
  );
  const failed = answers.flatMap(({ connection, result }) => (result.ok ? [] : [{ ...result, name: connection.name }]));
  const isRefused = failed.every(({ kind }) => kind === 'refused');
  const exitCode =
    failed.length === 0 ? EXIT.done : done.length > 0 ? EXIT.partly : isRefused ? EXIT.refused : EXIT.failed;
  const document: ActionDocument = {
    verb: context.verb,
    ok: failed.length === 0,
    exitCode,
    done,
    failed: failed.map(({ name, error }) => ({ name, code: error.code, message: error.message, next: error.next })),
    nextSteps: [...new Set(failed.flatMap(({ error }) => error.next))],
  };
  await recordAction(context, args, document);
  return { document, text: formatAction(document), exitCode };
}

/** After the gateways have answered: a database that is away changes nothing of it, and is said. */
async function recordAction(context: Context, args: Args, { done, failed }: ActionDocument): Promise<void> {
  if (done.length === 0) return;
  const ledger = await LedgerSession.open(context, args);
  try {
    const body = { done: done.map(({ name }) => name), failed: failed.map(({ name, code }) => ({ name, code })) };
    if (ledger.availability.kind === 'unavailable') throw new LedgerUnavailable(ledger.availability.message);
    await ledger.record('decision', body);
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    context.terminal.warn(`done, and not in the ledger: ${error.message}`);
  } finally {
    await ledger.close();
  }
}

export function formatAction({ verb, done, failed, nextSteps }: ActionDocument): string {
  const rows = [
    ...failed.map(({ name, message }) => ['failed', name ?? '', message]),
    ...done.slice(0, LISTED).map(({ name, message }) => ['done', name, message]),
  ];
  const more = done.length > LISTED ? [`  … and ${done.length - LISTED} more`] : [];
  const summary = `${verb}: ${done.length} done${failed.length > 0 ? `, ${failed.length} failed` : ''}`;
  const next = nextSteps.length === 0 ? [] : ['', 'next:', ...nextSteps.map((step) => `  ${step}`)];
  return `${[...formatTable(rows, '  '), ...more, summary, ...next].join('\n')}\n`;
}
