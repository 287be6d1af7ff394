/** One call to a gateway for each selected connection, and the outcome as a document. */
import type { GatewayClient, GatewayResult } from '../../adapters/gateway-admin.ts';
import type { ActionDocument } from '../../core/documents.ts';
import { type Context, gatewayOf } from './context.ts';
import { EXIT } from './stop.ts';
import { formatTable } from './table.ts';
import type { Printed } from './verb.ts';

export async function forEachConnection(
  context: Context,
  what: string,
  call: (gateway: GatewayClient, name: string) => Promise<GatewayResult<null>>,
): Promise<Printed> {
  const answers = await Promise.all(
    context.selected.map(async ({ name, shard }) => ({ name, result: await call(gatewayOf(context, shard), name) })),
  );
  const done = answers.flatMap(({ name, result }) => (result.ok ? [{ name, message: what }] : []));
  const failed = answers.flatMap(({ name, result }) => (result.ok ? [] : [{ ...result, name }]));
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
  return { document, text: formatAction(document), exitCode };
}

export function formatAction({ verb, done, failed, nextSteps }: ActionDocument): string {
  const rows = [
    ...failed.map(({ name, message }) => ['failed', name ?? '', message]),
    ...done.map(({ name, message }) => ['done', name, message]),
  ];
  const summary = `${verb}: ${done.length} done${failed.length > 0 ? `, ${failed.length} failed` : ''}`;
  const next = nextSteps.length === 0 ? [] : ['', 'next:', ...nextSteps.map((step) => `  ${step}`)];
  return `${[...formatTable(rows, '  '), summary, ...next].join('\n')}\n`;
}
