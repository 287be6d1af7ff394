/** What `approve` and `signoff` put before a person to sign: made from the selection as it is now, or read from its file. */
import { join } from 'node:path';
import { z } from 'zod';
import { readSignedDocument, type SignatureOnFile } from '../../adapters/approval-files.ts';
import { listEvidence, loadEvidence } from '../../adapters/evidence-files.ts';
import {
  type ApprovalDocument,
  approvalDocumentSchema,
  canonicalText,
  readApprovalDocument,
} from '../../core/approval-document.ts';
import { digestOfText, type Evidence } from '../../core/evidence.ts';
import { readableTime } from '../../core/readable-time.ts';
import { judgeReconciled } from '../../core/signoff.ts';
import { type Context, gatewayOf } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { flagsFor, selectionSaid } from '../runner/selection.ts';
import { readStatuses } from '../runner/snapshot.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import { timeOf } from '../runner/time-flag.ts';

export type Kind = 'approval' | 'signoff';

export type Draft = {
  readonly kind: Kind;
  readonly digest: string;
  readonly text: string;
  readonly document: ApprovalDocument;
  readonly evidence: Evidence;
  /** Those that are on file already. */
  readonly signatures: readonly SignatureOnFile[];
};

export const VERB_OF = { approval: 'approve', signoff: 'signoff' } as const;

export function approvalsFolderOf(context: Context): string {
  return join(stackFolderOf(context), 'approvals');
}

export function draftFrom(context: Context, args: Args, kind: Kind): Promise<Draft> {
  return args.document === undefined ? newDraft(context, args, kind) : draftOnFile(context, args.document, kind);
}

/** A second person signs what the first one signed, and nothing that was made anew. */
async function draftOnFile(context: Context, named: string, kind: Kind): Promise<Draft> {
  const digest = named.startsWith('sha256:') ? named : `sha256:${named}`;
  const found = await readSignedDocument(approvalsFolderOf(context), digest);
  if (found === null) {
    const message = `${digest} is not in ${approvalsFolderOf(context)}`;
    throw refuse('document-absent', message, 'git pull', 'give its whole digest');
  }
  const read = readApprovalDocument(found.text);
  if (!read.ok || read.digest !== digest) {
    const why = read.ok ? 'its bytes do not have the digest of its name' : read.message;
    throw refuse('document-damaged', `${digest}: ${why}`, 'restore it from the commit that added it');
  }
  const { document } = read;
  const itsKind: Kind = document.target === 'decommissioned' ? 'signoff' : 'approval';
  if (itsKind !== kind) {
    throw refuse('wrong-document', `${digest} is for ${VERB_OF[itsKind]}`, `cutover ${VERB_OF[itsKind]} --document …`);
  }
  const evidence = await evidenceOf(context, document.evidence);
  if (kind === 'approval')
    await requireStanding(context, { digest: document.evidence, evidence }, document.connections);
  return { kind, digest, text: found.text, document, evidence, signatures: found.signatures };
}

async function newDraft(context: Context, args: Args, kind: Kind): Promise<Draft> {
  const connections = await presentEpochs(context);
  const names = connections.map(({ name }) => name);
  const chosen = await chooseEvidence(context, args, kind, names);
  const { digest: evidenceDigest, evidence } = chosen;
  if (kind === 'approval') await requireStanding(context, chosen, connections);
  const document = approvalDocumentSchema.parse({
    deployment: context.inventory.deployment,
    connections,
    evidence: evidenceDigest,
    ...windowIn(context, args),
    ...(kind === 'approval' ? approvalMembers(args) : signoffMembers(args, evidence, await switchedAtOf(context))),
  });
  const text = canonicalText(document);
  return { kind, digest: digestOfText(text), text, document, evidence, signatures: [] };
}

function approvalMembers(args: Args): object {
  const target = args.target ?? 'switched';
  if (target !== 'switched' && target !== 'parallel') {
    throw usage(`--target is '${target}'; it is switched, or parallel for weights only`, 'cutover approve --help');
  }
  const maxWeight = args['max-weight'] ?? 0;
  if (target === 'parallel' && maxWeight === 0)
    throw usage('--target parallel allows weights only: say up to which', 'cutover approve … --max-weight 20');
  return { target, maxWeight, attempts: args.attempts ?? 1 };
}

/** When each of the selected came to its present route, as its gateway's own history says. */
async function switchedAtOf(context: Context): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    context.selected.map(async ({ name, shard }) => {
      const read = await gatewayOf(context, shard).epochs(name);
      if (read.ok) return [name, read.value.at(-1)?.at ?? ''] as const;
      const message = `${name}: when it was switched is not known: ${read.error.message}`;
      throw new VerbStop(EXIT.failed, { code: 'epoch-unknown', message, next: ['cutover status'] });
    }),
  );
  return new Map(found);
}

function signoffMembers(args: Args, evidence: Evidence, switchedAt: ReadonlyMap<string, string>): object {
  const judged = judgeReconciled(evidence.body, [...switchedAt.keys()], args.accept ?? [], switchedAt);
  if (!judged.ok) throw refuse(judged.code, judged.message, ...judged.next);
  return { target: 'decommissioned', ...judged.value };
}

/** The epochs that the person sees: whatever moves afterwards voids what is signed here. */
async function presentEpochs(context: Context): Promise<{ readonly name: string; readonly fromEpoch: number }[]> {
  const statuses = await readStatuses(context);
  return context.selected.map(({ name }) => {
    const view = statuses.get(name);
    if (view?.kind === 'read') return { name, fromEpoch: view.status.epoch };
    const message = `${name}: its epoch is not known: ${view?.message ?? 'its gateway was not asked'}`;
    throw new VerbStop(EXIT.failed, { code: 'epoch-unknown', message, next: view?.next ?? ['cutover status'] });
  });
}

type Chosen = { readonly digest: string; readonly evidence: Evidence };

/** The one that is named, else the newest of its kind that speaks of everything selected. */
async function chooseEvidence(context: Context, args: Args, kind: Kind, names: readonly string[]): Promise<Chosen> {
  const covers = ({ evidence }: Chosen): boolean => names.every((name) => evidence.connections.includes(name));
  if (args.evidence !== undefined) {
    const digest = args.evidence.startsWith('sha256:') ? args.evidence : `sha256:${args.evidence}`;
    const chosen = { digest, evidence: await evidenceOf(context, digest) };
    if (!covers(chosen))
      throw refuse('evidence-too-narrow', 'the evidence does not speak of everything selected', 'narrow the selection');
    return chosen;
  }
  const source = kind === 'approval' ? 'gate' : 'reconciliation';
  const { found } = await listEvidence(join(stackFolderOf(context), 'evidence'), source);
  const isOwn = ({ evidence }: Chosen): boolean => evidence.deployment === context.inventory.deployment;
  const chosen = found.find((one) => isOwn(one) && covers(one) && !isAhead(context, one.evidence));
  if (chosen !== undefined) return chosen;
  const verb = kind === 'approval' ? 'gate' : 'reconcile';
  const message = `there is no evidence of a ${source} that speaks of everything selected`;
  throw refuse('evidence-absent', message, `cutover ${verb}${selectionSaid(args)}`, '--evidence DIGEST');
}

/** Clocks of two machines differ. What is further ahead would stand before every gate that is asked until then. */
const AHEAD_MS = 5 * 60_000;

function isAhead({ clock }: Context, { at }: Evidence): boolean {
  return Date.parse(at) > Date.parse(clock.now()) + AHEAD_MS;
}

const gateBody = z.object({
  verdict: z.string(),
  expiresAt: z.string(),
  epochs: z.record(z.string(), z.int().nullable()).default({}),
  criteria: z
    .array(
      z.object({
        id: z.string(),
        verdict: z.string(),
        red: z.array(z.object({ name: z.string().nullable() })).default([{ name: null }]),
      }),
    )
    .default([]),
});
type GateBody = z.output<typeof gateBody>;

/** Whichever evidence is named: a green gate of all of them, of today and of these epochs, and no newer one that is red. */
async function requireStanding(
  context: Context,
  { digest, evidence }: Chosen,
  connections: readonly { readonly name: string; readonly fromEpoch: number }[],
): Promise<void> {
  const selection = flagsFor(
    context.inventory,
    connections.map(({ name }) => name),
  );
  const again = `cutover gate ${selection} --explain`;
  const which = `the gate of ${readableTime(evidence.at)} (${digest.slice(0, 19)}…)`;
  const body = gateBody.safeParse(evidence.body);
  if (evidence.kind !== 'gate' || !body.success) {
    throw refuse('evidence-wrong-kind', `an approval rests on a gate, and ${digest} is none (${evidence.kind})`, again);
  }
  if (isAhead(context, evidence))
    throw refuse('gate-ahead', `${which} is of a time still to come: a clock was wrong, or it was forged`, again);
  if (body.data.verdict !== 'green') throw notGreen(which, idsOfRed(body.data), again);
  if (body.data.expiresAt <= context.clock.now())
    throw refuse('gate-expired', `${which} ended at ${readableTime(body.data.expiresAt)}`, again);
  const unseen = connections.find(({ name }) => !evidence.connections.includes(name));
  if (unseen !== undefined) throw refuse('gate-incomplete', `${which} says nothing of ${unseen.name}`, again);
  for (const { name, fromEpoch } of connections) {
    const seen = body.data.epochs[name];
    if (seen === undefined || seen === null || seen === fromEpoch) continue;
    throw refuse('gate-stale', `${which} saw ${name} at epoch ${seen}; this is for epoch ${fromEpoch}`, again);
  }
  const names = connections.map(({ name }) => name);
  const { found } = await listEvidence(join(stackFolderOf(context), 'evidence'), 'gate');
  for (const newer of found) {
    if (newer.evidence.deployment !== context.inventory.deployment || newer.evidence.at <= evidence.at) continue;
    const read = gateBody.safeParse(newer.evidence.body);
    const seen = names.filter((name) => newer.evidence.connections.includes(name));
    const red = read.success && seen.length > 0 ? idsOfRed(read.data, seen) : [];
    const is = `the newer gate of ${readableTime(newer.evidence.at)} (${newer.digest.slice(0, 19)}…)`;
    if (red.length > 0) throw notGreen(is, red, again);
    if (seen.length === names.length) return;
  }
}

/** Of these connections, or of any. */
function idsOfRed({ criteria }: GateBody, names: readonly string[] | null = null): string[] {
  return criteria
    .filter(({ verdict }) => verdict === 'red')
    .filter(({ red }) => names === null || red.some(({ name }) => name === null || names.includes(name)))
    .map(({ id }) => id);
}

function notGreen(which: string, red: readonly string[], again: string): VerbStop {
  return refuse('gate-red', `${which} is not green${red.length === 0 ? '' : `: ${red.join(', ')}`}`, again);
}

async function evidenceOf(context: Context, digest: string): Promise<Evidence> {
  const loaded = await loadEvidence(join(stackFolderOf(context), 'evidence'), digest);
  if (!loaded.ok) throw refuse(`evidence-${loaded.code}`, loaded.message, 'git pull', 'cutover gate');
  const { deployment } = loaded.value;
  if (deployment !== context.inventory.deployment) {
    throw refuse('evidence-foreign', `the evidence is of deployment ${deployment}`, 'cutover gate');
  }
  return loaded.value;
}

/** In UTC, whatever zone they were given in. */
function windowIn(context: Context, args: Args): { readonly notBefore: string; readonly notAfter: string } {
  const now = context.clock.now();
  const [notBefore, notAfter] = [
    timeOf('from', args.from ?? now.replace(/\.\d+Z$/, 'Z')),
    timeOf('until', args.until ?? ''),
  ];
  if (notAfter <= notBefore)
    throw usage(`--until is not after ${args.from === undefined ? 'now' : '--from'}`, '--until 2026-03-02T04:00Z');
  if (notAfter <= now) throw usage('--until has passed', '--until 2026-03-02T04:00Z');
  return { notBefore, notAfter };
}

function refuse(code: string, message: string, ...next: string[]): VerbStop {
  return new VerbStop(EXIT.refused, { code, message, next });
}
