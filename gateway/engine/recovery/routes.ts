/** What the journal says of routes: their epochs, the outcomes of moves, and who is fenced. */
import { candidateOf, controlOf, FIRST_ROUTE } from '../../../core/platform.ts';
import type { OperationRecord, RouteEpochRecord } from '../records.ts';
import { takeOver } from '../reown.ts';
import type { Replay } from './replay.ts';

export function replayEpoch({ engine, names, moves }: Replay, offset: number, meta: RouteEpochRecord): void {
  const { record, atOffset } = meta;
  const connection = names.connection(record.connection);
  if (connection === undefined) {
    names.stranger(record.connection).phase = record.phase;
    return;
  }
  connection.obligations.expire(engine.runtime.now, (item, platform) => connection.ownership.owes(item, platform));
  moves.epochWritten(record.connection);
  // It came with this epoch from another shard.
  if (connection.epochs.at(-1)?.digest === record.digest) return;
  const former = connection.route;
  const ownedBefore = connection.ownership.remembered();
  connection.epochs.push(record);
  connection.route = { phase: record.phase, newWeight: record.newWeight, epoch: record.epoch };
  const candidate = candidateOf(connection.route);
  const control = controlOf(connection.route);
  connection.obligations.keepOnly(candidate === null ? [control] : [control, candidate]);
  // Its doubts follow in the journal as decisions of their own; what a crash took of these is opened at the end.
  if (record.forced) takeOver(connection, 'new', ownedBefore, meta);
  connection.changeOver.restore(atOffset ? { offset, former } : null);
}

export function replayOperation({ engine, names }: Replay, meta: OperationRecord): void {
  const route = names.connection(meta.connection)?.route ?? FIRST_ROUTE;
  const { epoch, pauseMs, heldMessages, inFlightAtHold, drainedAt } = meta;
  engine.operations.recover(meta.requestId, names.nameOf(meta.connection), {
    epoch,
    phase: route.phase,
    newWeight: route.newWeight,
    control: controlOf(route),
    pauseMs,
    heldMessages,
    inFlightAtHold,
    drainedAt,
    ...(meta.outcome === 'aborted' ? { aborted: true, reason: meta.reason ?? 'aborted' } : {}),
  });
}

export function replayFence({ names, restored }: Replay, connections: readonly string[]): void {
  for (const name of connections) {
    const connection = names.connection(name);
    if (connection !== undefined && connection.fence === null) connection.fence = { kind: 'restored' };
    restored.add(connection?.config.name ?? name);
  }
}

export function replayUnfence({ names }: Replay, name: string): void {
  const connection = names.connection(name);
  if (connection?.fence?.kind === 'restored') connection.fence = null;
}
