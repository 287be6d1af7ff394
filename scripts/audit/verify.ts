/** `audit verify`: judges an export offline; it asks no gateway, no database and no Pulumi. */

import { resolve } from 'node:path';
import { readAuditBundle } from '../../adapters/audit-bundle.ts';
import { type Lacking, verifyAudit } from '../../core/audit/verify.ts';
import { counted } from '../../core/count-words.ts';
import type { AuditDocument } from '../../core/documents.ts';
import type { Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, usage } from '../runner/stop.ts';
import type { Printed } from '../runner/verb.ts';

const EXPORT_AGAIN = 'cutover audit export --out DIR, while every gateway and Pulumi can be asked';
const REMEDIES: Readonly<Record<Lacking, string>> = {
  signers: 'bring the signers that you trust, not the export’s own: --signers DIR (in git: stacks/<stack>)',
  checkpoint: 'bring the newest checkpoint: --checkpoints DIR',
  gateways: EXPORT_AGAIN,
  pulumi: EXPORT_AGAIN,
};
const SIGNS = { ok: '✓', warning: '!', failed: '✗' } as const;
/** Of one kind; the document has them all. */
const SHOWN = 20;

export async function verifyExport(around: Surroundings, args: Args): Promise<Printed> {
  if (args.in === undefined) throw usage('which export? --in DIR', 'cutover audit verify --in audit-2026-03');
  const folder = resolve(around.cwd, args.in);
  const read = await readAuditBundle(folder, {
    signersFolder: args.signers === undefined ? null : resolve(around.cwd, args.signers),
    checkpointsFolder: args.checkpoints === undefined ? null : resolve(around.cwd, args.checkpoints),
  });
  if (!read.ok) throw usage(read.message, 'cutover audit export --out DIR');
  const { verdict, entries, completeUpTo, lacking, findings } = verifyAudit(read.value);
  const exitCode = verdict === 'green' ? EXIT.done : EXIT.refused;
  const document: AuditDocument = {
    verb: 'audit',
    action: 'verify',
    ok: verdict === 'green',
    exitCode,
    folder,
    verdict,
    entries,
    completeUpTo,
    findings: findings.map((one) => ({ ...one })),
    warnings: [],
    nextSteps: verdict === 'incomplete' ? [...new Set(lacking.map((one) => REMEDIES[one]))] : [],
  };
  return { document, text: format(document), exitCode };
}

function format({ verdict, entries, completeUpTo, findings, nextSteps }: AuditDocument): string {
  const lines = (['failed', 'warning', 'ok'] as const).flatMap((kind) => {
    const all = findings.filter((one) => one.verdict === kind);
    const shown = all.slice(0, SHOWN).map(({ check, message }) => `${SIGNS[kind]} ${check}: ${message}`);
    return all.length > SHOWN
      ? [...shown, `${SIGNS[kind]} … and ${all.length - SHOWN} more (--json has them all)`]
      : shown;
  });
  const summary = {
    green: `audit: GREEN: ${counted(entries, 'entry', 'entries')}, complete`,
    incomplete: `audit: INCOMPLETE: nothing is wrong; complete up to entry ${completeUpTo} of ${entries}`,
    red: `audit: RED: complete up to entry ${completeUpTo} of ${entries} that could be read`,
  };
  const next = nextSteps.length === 0 ? [] : ['next:', ...nextSteps.map((step) => `  ${step}`)];
  return `${[...lines, '', summary[verdict ?? 'red'], ...next].join('\n')}\n`;
}
