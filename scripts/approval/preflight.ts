/**
 * What a move asks again before it begins, in production: whether its document would hold at the gateway, and whether
 * what was green when it was signed is green now. So a second try after a rollback needs no new signature, only what the
 * rollback has voided anew. It only says no earlier: the gateway judges the document for itself.
 */

import { join } from 'node:path';
import { readSignedDocument } from '../../adapters/approval-files.ts';
import { evidenceFolderOf, loadEvidence } from '../../adapters/evidence-files.ts';
import { readLocalSigners } from '../../adapters/signers-file.ts';
import { judgeApproval } from '../../core/approval.ts';
import { needsSignature } from '../../core/connection.ts';
import { counted } from '../../core/count-words.ts';
import { frozenGateSchema } from '../../core/gate/gate-document.ts';
import { voidedSince } from '../../core/gate/voided.ts';
import type { Plan, PlannedMove, PlanRefusal, Snapshot } from '../../core/plan.ts';
import { askGate } from '../gate/ask.ts';
import { type Context, gatewayOf } from '../runner/context.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';

type Bar = Omit<PlanRefusal, 'name'>;
type Signed = PlannedMove & { readonly approval: string };

export async function preflightDocuments(context: Context, plan: Plan): Promise<Snapshot['barred']> {
  const barred = new Map<string, Bar>();
  const { project, inventory } = context;
  if (project === null || inventory.target !== 'production') return barred;
  const signed = plan.moves.flatMap((move): Signed[] =>
    move.approval === null ? [] : [{ ...move, approval: move.approval }],
  );
  await barUnsigned(context, signed, barred);
  const switches = signed.filter(({ name, verb }) => verb !== 'decommission' && !barred.has(name));
  if (switches.length > 0) await barVoided(context, switches, barred);
  return barred;
}

/** By the signers and the clock of this machine, and the gateway's own epochs. */
async function barUnsigned(context: Context, moves: readonly Signed[], barred: Map<string, Bar>): Promise<void> {
  const folder = stackFolderOf(context);
  const local = await readLocalSigners(folder, context.inventory.deployment);
  if (local.kind !== 'read') return;
  const nowMs = Date.parse(context.clock.now());
  await Promise.all(
    moves.map(async ({ name, shard, verb, from, to, approval }) => {
      const found = await readSignedDocument(join(folder, 'approvals'), approval);
      const epochs = await gatewayOf(context, shard).epochs(name);
      if (found === null || !epochs.ok) return;
      const kind = needsSignature(verb, verb === 'decommission' ? 'neither' : 'new');
      if (kind === null) return;
      const presented = { document: found.text, signatures: found.signatures.map(({ text }) => text) };
      const { operator } = context;
      const question = { connection: name, kind, verb, from, to, operator, nowMs, history: epochs.value, presented };
      const verdict = judgeApproval(question, local.authority);
      if (!verdict.ok) barred.set(name, { code: verdict.code, message: verdict.message, next: verdict.next });
    }),
  );
}

/** One look at the gate for all of them: what speaks against the whole wave speaks against each. */
async function barVoided(context: Context, moves: readonly Signed[], barred: Map<string, Bar>): Promise<void> {
  const names = new Set(moves.map(({ name }) => name));
  context.terminal.progress(
    `asking the gate again: ${counted(names.size, 'connection rests', 'connections rest')} on what was green when it was signed`,
  );
  const asked = await askGate({ ...context, selected: context.selected.filter(({ name }) => names.has(name)) });
  for (const [approval, own] of Map.groupBy(moves, (move) => move.approval)) {
    const before = await gateBehind(context, approval);
    for (const { name } of own) {
      if (before.kind === 'unknown') {
        barred.set(name, { code: 'evidence-absent', message: before.message, next: ['git pull', 'cutover gate'] });
        continue;
      }
      const voided = voidedSince(before.criteria, asked.judged.criteria, name);
      if (voided.length === 0) continue;
      const what = voided.map(({ id, reason }) => `${id}: ${reason}`).join('; ');
      const message = `red now, and green when ${approval.slice(0, 19)}… was signed: ${what}`;
      barred.set(name, { code: 'gate-red', message, next: voided.map(({ remedy }) => remedy) });
    }
  }
}

type Before =
  | { readonly kind: 'read'; readonly criteria: readonly { readonly id: string; readonly verdict: string }[] }
  | { readonly kind: 'unknown'; readonly message: string };

/** The gate that an approval rests on. */
async function gateBehind({ project, stack, approvals }: Context, digest: string): Promise<Before> {
  const evidence = approvals.find((one) => one.digest === digest)?.evidence ?? '';
  const loaded = await loadEvidence(evidenceFolderOf(project?.folder ?? '', stack), evidence);
  if (!loaded.ok) return { kind: 'unknown', message: `what ${digest.slice(0, 19)}… rests on: ${loaded.message}` };
  const gate = frozenGateSchema.safeParse(loaded.value.body);
  if (loaded.value.kind === 'gate' && gate.success) return { kind: 'read', criteria: gate.data.criteria };
  return { kind: 'unknown', message: `${digest.slice(0, 19)}… rests on evidence that is no gate: ${evidence}` };
}
