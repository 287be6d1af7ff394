/** Everything that a sign-off pack says, read once: gateways, their epoch histories, the proof store. */
import { PostgresFailure } from '../../adapters/postgres.ts';
import { ProofStore } from '../../adapters/proof-store.ts';
import type { ConnectionStatus, EpochRecord } from '../../core/admin-api.ts';
import { describeRoute } from '../../core/connection.ts';
import type { Connection } from '../../core/inventory.ts';
import type { ReportConnection, ReportDocument } from '../../core/report-document.ts';
import { type Context, gatewayOf } from '../runner/context.ts';

export type Gathered = Pick<ReportDocument, 'connections' | 'timeline' | 'notKnown'>;
type Compared = { readonly pairs: number; readonly matched: number; readonly accepted: number; readonly open: number };

export async function gather(context: Context): Promise<Gathered> {
  const notKnown: string[] = [];
  const statuses = await readStatuses(context, notKnown);
  const compared = await readCompared(context, notKnown);
  const histories = await readHistories(context, notKnown);
  const connections = context.selected.map((item) =>
    lineOf(item, statuses.get(item.name) ?? null, compared?.get(item.name) ?? null, histories.get(item.name) ?? []),
  );
  const timeline = [...histories.values()]
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
  return { connections, timeline, notKnown };
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

async function readHistories(context: Context, notKnown: string[]): Promise<Map<string, readonly EpochRecord[]>> {
  const answers = await Promise.all(
    context.selected.map(async ({ name, shard }) => ({ name, read: await gatewayOf(context, shard).epochs(name) })),
  );
  const unread = answers.filter(({ read }) => !read.ok).length;
  if (unread > 0) notKnown.push(`epoch histories of ${unread} connections`);
  return new Map(answers.flatMap(({ name, read }) => (read.ok ? [[name, read.value] as const] : [])));
}

/** Of the newest epoch that was compared; null: nothing compares. */
async function readCompared(context: Context, notKnown: string[]): Promise<Map<string, Compared> | null> {
  const url = context.env.DATABASE_URL;
  if (!url) {
    notKnown.push('comparisons: DATABASE_URL is not set');
    return null;
  }
  try {
    const store = await ProofStore.open(context.inventory.deployment, { url });
    try {
      const days = await store.readComparison(context.selected.map(({ name }) => name));
      const byConnection = Map.groupBy(days, ({ connection }) => connection);
      return new Map(
        [...byConnection].map(([name, all]) => {
          const newest = Math.max(...all.map(({ epoch }) => epoch));
          const present = all.filter(({ epoch }) => epoch === newest);
          const sum = (read: (day: (typeof all)[number]) => number): number =>
            present.reduce((total, day) => total + read(day), 0);
          const open = sum((day) => day.differing + day.missingCandidate + day.extraCandidate);
          return [
            name,
            {
              pairs: sum((day) => day.pairs),
              matched: sum((day) => day.matched),
              accepted: sum((day) => day.accepted),
              open,
            },
          ] as const;
        }),
      );
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof PostgresFailure)) throw error;
    notKnown.push(`comparisons: ${error.message}`);
    return null;
  }
}

function lineOf(
  item: Connection,
  status: ConnectionStatus | null,
  compared: Compared | null,
  history: readonly EpochRecord[],
): ReportConnection {
  const last = history.findLast(({ origin }) => origin !== 'init') ?? null;
  const { name, practice, direction, wave } = item;
  const counters = status?.counters ?? null;
  return {
    name,
    practice,
    direction,
    wave,
    phase: status?.phase ?? null,
    control: status?.control ?? null,
    epoch: status?.epoch ?? null,
    received: counters?.received ?? null,
    accepted: counters?.accepted ?? null,
    delivered: counters?.delivered ?? null,
    destinationRejected: counters?.destinationRejected ?? null,
    maybeSent: counters?.maybeSent ?? null,
    decisions: status?.decisions ?? null,
    pairs: compared?.pairs ?? null,
    matched: compared?.matched ?? null,
    byRule: compared?.accepted ?? null,
    open: compared?.open ?? null,
    approval: history.findLast(({ approval }) => approval !== null)?.approval ?? null,
    movedBy: last?.by ?? null,
    movedAt: last?.at ?? null,
    openPoints: openPointsOf(status, compared),
  };
}

function openPointsOf(status: ConnectionStatus | null, compared: Compared | null): string[] {
  if (status === null) return ['its gateway could not be asked'];
  const points: string[] = [];
  if (status.phase !== 'switched' && status.phase !== 'decommissioned') points.push(`it is still in ${status.phase}`);
  if (status.decisions > 0) points.push(`${status.decisions} decisions wait`);
  if (status.counters.maybeSent > 0)
    points.push(`${status.counters.maybeSent} messages may have been sent twice or not at all: see \`maybeSent\``);
  if (status.phase === 'switched' && !status.rollbackReady.ready)
    points.push(`a rollback is not ready: ${status.rollbackReady.reasons.join(', ')}`);
  if (status.observed === null && status.epoch > 1) points.push('no message has proven its present epoch');
  if (compared === null) points.push('nothing was compared');
  else if (compared.open > 0) points.push(`${compared.open} differences without a rule`);
  return points;
}
