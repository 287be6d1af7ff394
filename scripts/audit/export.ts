/** `audit export`: everything that an auditor needs offline, in one folder, from the systems as they are now. */

import { resolve } from 'node:path';
import { isEmptyFolder, writeAuditBundle } from '../../adapters/audit-bundle.ts';
import type { EpochRecord } from '../../core/admin-api.ts';
import type { PulumiHistory } from '../../core/audit/pulumi-history.ts';
import { counted } from '../../core/count-words.ts';
import type { AuditDocument } from '../../core/documents.ts';
import { type Context, closeContext, gatewayOf, openContext, type Surroundings } from '../runner/context.ts';
import { databaseUrlOf } from '../runner/database-url.ts';
import type { Args } from '../runner/flags.ts';
import { LedgerSession } from '../runner/ledger-session.ts';
import { PulumiSession } from '../runner/pulumi-session.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import type { Printed } from '../runner/verb.ts';

export async function exportAudit(around: Surroundings, args: Args): Promise<Printed> {
  if (args.out === undefined)
    throw usage('an export needs a new folder: --out DIR', 'cutover audit export --out audit-2026-03');
  const out = resolve(around.cwd, args.out);
  if (!(await isEmptyFolder(out))) throw usage(`${out} is not empty`, 'name a new folder with --out DIR');
  const context = await openContext('audit', args, around, { selectsAll: true, withoutStackFile: false });
  const ledger = await LedgerSession.open(context, args);
  try {
    const entries = await ledgerEntries(context, ledger);
    const warnings: string[] = [];
    const [gateways, pulumi] = [await histories(context, warnings), await stackHistory(context, warnings)];
    const { deployment, target } = context.inventory;
    const stackFolder = stackFolderOf(context);
    await writeAuditBundle(out, {
      deployment,
      target,
      stack: context.stack,
      at: context.clock.now(),
      entries,
      gateways,
      pulumi,
      stackFolder,
    });
    const document: AuditDocument = {
      verb: 'audit',
      action: 'export',
      ok: warnings.length === 0,
      exitCode: warnings.length === 0 ? EXIT.done : EXIT.partly,
      folder: out,
      verdict: null,
      entries: entries.length,
      completeUpTo: null,
      findings: [],
      warnings,
      nextSteps: [`cutover audit verify --in ${out} --signers ${stackFolder}`],
    };
    const lines = [
      `audit: ${counted(entries.length, 'entry', 'entries')} exported to ${out}`,
      ...warnings.map((one) => `! ${one}`),
    ];
    return { document, text: `${lines.join('\n')}\n`, exitCode: document.ok ? EXIT.done : EXIT.partly };
  } finally {
    await ledger.close();
    await closeContext(context);
  }
}

async function ledgerEntries(context: Context, ledger: LedgerSession) {
  databaseUrlOf(context, 'there is no ledger to export');
  const { availability } = ledger;
  if (availability.kind !== 'unavailable') return ledger.lines();
  throw new VerbStop(EXIT.failed, {
    code: 'ledger-unavailable',
    message: `the ledger cannot be read: ${availability.message}`,
    next: ['bring PostgreSQL back, or correct DATABASE_URL'],
  });
}

/** Null where a gateway could not be asked: half of the witnesses would look like a fault of the ledger. */
async function histories(
  context: Context,
  warnings: string[],
): Promise<ReadonlyMap<string, readonly EpochRecord[]> | null> {
  const answers = await Promise.all(
    context.selected.map(async ({ name, shard }) => ({ name, result: await gatewayOf(context, shard).epochs(name) })),
  );
  const found = new Map<string, readonly EpochRecord[]>();
  for (const { name, result } of answers) {
    if (result.ok) found.set(name, result.value);
    else {
      warnings.push(`without the gateways' own epoch histories: ${name}: ${result.error.message}`);
      return null;
    }
  }
  return found;
}

async function stackHistory(context: Context, warnings: string[]): Promise<PulumiHistory | null> {
  const opened = await PulumiSession.open(context);
  const history = opened.ok ? await opened.value.history() : opened;
  if (history.ok) return history.value;
  warnings.push(`without \`pulumi stack history\`: ${history.message}`);
  return null;
}
