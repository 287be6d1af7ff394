/** Everything that a sign-off pack says, read once: gateways and their epoch histories, the stack's folder, PostgreSQL. */

import type { ConnectionStatus, EpochRecord } from '../../core/admin-api.ts';
import { leadsToLegacy } from '../../core/approval.ts';
import { describeRoute } from '../../core/connection.ts';
import { counted } from '../../core/count-words.ts';
import type { Connection, Inventory } from '../../core/inventory.ts';
import { strangerIn } from '../../core/platform-origin.ts';
import { answersOf, type Figures } from '../../core/report/answers.ts';
import type { ReportConnection, ReportDocument, ReportSigned } from '../../core/report-document.ts';
import { type Context, gatewayOf } from '../runner/context.ts';
import { type OnFile, readOnFile } from './files-read.ts';
import { type Proof, readProof } from './proof.ts';

export type Gathered = Omit<
  ReportDocument,
  'ok' | 'exitCode' | 'deployment' | 'stack' | 'selection' | 'madeAt' | 'madeBy' | 'html' | 'csv'
>;

/** What an unknown patience counts as. */
const UNKNOWN_ACK_TIMEOUT_MS = 5_000;

type Histories = ReadonlyMap<string, readonly EpochRecord[]>;

export async function gather(context: Context): Promise<Gathered> {
  const notKnown: string[] = [];
  const statuses = await readStatuses(context, notKnown);
  const histories = await readHistories(context, notKnown);
  const onFile = await readOnFile(context, notKnown);
  const proof = await readProof(context, notKnown);
  const connections = context.selected.map((item) =>
    lineOf(item, {
      status: statuses.get(item.name) ?? null,
      history: histories.get(item.name) ?? [],
      signoff: onFile.signoffs.get(item.name) ?? null,
      proof,
    }),
  );
  const { charter = null } = onFile.programme;
  return {
    charter:
      charter === null
        ? null
        : { purpose: charter.purpose, scope: charter.scope ?? null, sponsor: charter.sponsor ?? null },
    success: answersOf(charter, figuresOf(context, { connections, histories, onFile, proof })),
    connections,
    timeline: timelineOf(histories),
    night: proof.night,
    gate: onFile.gate,
    signed: onFile.signed,
    rules: proof.rules,
    raid: onFile.raid,
    checkpoint: onFile.checkpoint,
    verify: verifyWith(onFile),
    notKnown,
  };
}

async function readStatuses(context: Context, notKnown: string[]): Promise<Map<string, ConnectionStatus>> {
  const answers = await Promise.all(
    context.gateways.map(async (gateway) => ({ gateway, read: await gateway.connections() })),
  );
  const statuses = new Map<string, ConnectionStatus>();
  for (const { gateway, read } of answers) {
    if (!read.ok) notKnown.push(`gateway of shard ${gateway.shard}: ${read.error.message}`);
    else for (const status of read.value) statuses.set(status.name, status);
  }
  return statuses;
}

async function readHistories(context: Context, notKnown: string[]): Promise<Histories> {
  const answers = await Promise.all(
    context.selected.map(async ({ name, shard }) => ({ name, read: await gatewayOf(context, shard).epochs(name) })),
  );
  const unread = answers.filter(({ read }) => !read.ok).length;
  if (unread > 0) notKnown.push(`epoch histories of ${counted(unread, 'connection')}`);
  return new Map(answers.flatMap(({ name, read }) => (read.ok ? [[name, read.value] as const] : [])));
}

function timelineOf(histories: Histories): ReportDocument['timeline'] {
  return [...histories.values()]
    .flat()
    .filter(({ origin }) => origin !== 'init')
    .map((record) => ({
      at: record.at,
      connection: record.connection,
      epoch: record.epoch,
      became: describeRoute(record) + (record.forced ? ' (forced)' : ''),
      by: record.by,
      reason: record.reason,
      approval: record.approval,
      digest: record.digest,
    }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.epoch - b.epoch));
}

type Known = {
  readonly status: ConnectionStatus | null;
  readonly history: readonly EpochRecord[];
  readonly signoff: ReportSigned | null;
  readonly proof: Proof;
};

function lineOf(item: Connection, known: Known): ReportConnection {
  const { status, history, signoff, proof } = known;
  const last = history.findLast(({ origin }) => origin !== 'init') ?? null;
  const { name, practice, direction, wave, origin } = item;
  const counters = status?.counters ?? null;
  const compared = proof.compared?.get(name) ?? null;
  const deliveries = proof.deliveries === null ? null : (proof.deliveries.get(name) ?? { legacy: 0, new: 0 });
  return {
    name,
    practice,
    direction,
    wave,
    origin,
    phase: status?.phase ?? null,
    control: status?.control ?? null,
    epoch: status?.epoch ?? null,
    received: counters?.received ?? null,
    accepted: counters?.accepted ?? null,
    delivered: counters?.delivered ?? null,
    deliveredByLegacy: deliveries?.legacy ?? null,
    deliveredByNew: deliveries?.new ?? null,
    destinationRejected: counters?.destinationRejected ?? null,
    maybeSent: counters?.maybeSent ?? null,
    decisions: status?.decisions ?? null,
    longestPauseMs: proof.longestPauses?.get(name) ?? null,
    pairs: compared?.pairs ?? null,
    matched: compared?.matched ?? null,
    byRule: compared?.accepted ?? null,
    rules: [...(compared?.rules ?? [])],
    open: compared?.open ?? null,
    approval: history.findLast(({ approval }) => approval !== null)?.approval ?? null,
    signoff: signoff?.digest ?? null,
    signedOffBy: signoff?.signedBy ?? [],
    movedBy: last?.by ?? null,
    movedAt: last?.at ?? null,
    openPoints: openPointsOf(item, status, compared),
  };
}

function openPointsOf(
  { origin }: Connection,
  status: ConnectionStatus | null,
  compared: { readonly open: number } | null,
): string[] {
  if (status === null) return ['its gateway could not be asked'];
  const points: string[] = [];
  if (status.phase !== 'switched' && status.phase !== 'decommissioned') points.push(`it is still in ${status.phase}`);
  if (status.decisions > 0) points.push(counted(status.decisions, 'decision waits', 'decisions wait'));
  if (status.counters.maybeSent > 0)
    points.push(
      `${counted(status.counters.maybeSent, 'message')} may have been sent twice or not at all: see \`maybeSent\``,
    );
  if (status.phase === 'switched' && !status.rollbackReady.ready)
    points.push(`a rollback is not ready: ${status.rollbackReady.reasons.join(', ')}`);
  if (status.observed === null && status.epoch > 1) points.push('no message has proven its present epoch');
  const stranger = strangerIn(status);
  if (stranger !== null) points.push(stranger.reason);
  // Without a feed nothing can be: what stands for it is attested, and the gate asks for it.
  if (origin === 'platform') return points;
  if (compared === null) points.push('nothing was compared');
  else if (compared.open > 0)
    points.push(counted(compared.open, 'difference without a rule', 'differences without a rule'));
  return points;
}

type Sources = {
  readonly connections: readonly ReportConnection[];
  readonly histories: Histories;
  readonly onFile: OnFile;
  readonly proof: Proof;
};

function figuresOf({ selected, inventory }: Context, { connections, histories, onFile, proof }: Sources): Figures {
  const items = new Map(selected.map((item) => [item.name, item]));
  return {
    connections: connections.map(({ name, phase, longestPauseMs, pairs, open }) => ({
      name,
      phase,
      hasFeed: items.get(name)?.origin !== 'platform',
      window: items.get(name)?.window ?? null,
      pauseLimitMs: (patienceOf(inventory, items.get(name)) ?? UNKNOWN_ACK_TIMEOUT_MS) / 2,
      longestPauseMs,
      pairs,
      open,
      outOfOrder: proof.compared?.get(name)?.outOfOrder ?? null,
    })),
    moves: [...histories].flatMap(([connection, history]) =>
      history.flatMap((record, index) => {
        if (record.origin === 'init') return [];
        const isBack = leadsToLegacy(record, history[index - 1]);
        const isTowardsNew = !isBack && (record.phase === 'switched' || record.newWeight > 0);
        const isRollback = isBack && record.verb === 'rollback';
        const { approval } = record;
        return [{ connection, atMs: Date.parse(record.at), isTowardsNew, isRollback, approval }];
      }),
    ),
    reconciled: onFile.reconciled,
    drilled: onFile.drilled,
    signed: new Set(
      onFile.signed.flatMap(({ kind, digest, missing }) =>
        kind === 'approval' && missing.length === 0 ? [digest] : [],
      ),
    ),
  };
}

function patienceOf({ feeds }: Inventory, item: Connection | undefined): number | null {
  return feeds.find(({ name }) => name === item?.feed)?.ackTimeoutMs ?? null;
}

function verifyWith({ gate, checkpoint, signed }: OnFile): string[] {
  const [first] = signed;
  return [
    'cutover history --json                 the hash-linked epoch records that the table of moves names',
    'cutover audit export --out DIR         everything for somebody who has nothing else',
    'cutover audit verify --in DIR --signers TRUSTED   chain, signatures, two persons, windows, checkpoint: offline',
    ...(gate === null ? [] : [`sha256sum stacks/*/evidence/${gate.digest.slice(7)}.json      the gate's own digest`]),
    ...(first === undefined
      ? []
      : [
          `sha256sum stacks/*/approvals/${first.digest.slice(7)}.json     what was signed, and the .sig files beside it`,
        ]),
    ...(checkpoint === null ? [] : [`stacks/*/${checkpoint.file}.sig  signs the ledger's length and head`]),
  ];
}
