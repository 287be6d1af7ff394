/** The rollback's first step: the routes are moved at the gateways themselves, all at once, from nothing but credentials. */
import type { PlannedMove } from '../../core/plan.ts';
import { gatewayOf } from './context.ts';
import { type RunState, requestIdOf } from './run-state.ts';
import { watchMoves } from './watch-moves.ts';

const MOST_AT_ONCE = 250;

export async function moveAtGateways(run: RunState): Promise<void> {
  const { moves } = run.plan;
  if (moves.length === 0) return;
  run.context.terminal.progress(`moving ${moves.length} ${moves.length === 1 ? 'route' : 'routes'} at the gateways`);
  const queue = [...moves];
  const width = Math.min(moves.length, run.args.parallel ?? MOST_AT_ONCE);
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !run.context.interruption.aborted; next = queue.shift()) {
      await moveOne(run, next);
    }
  };
  if (run.args.force !== true) await prepare(run, moves.slice(0, width));
  const stopWatching = watchMoves(run.context, moves, (name) => run.complaints.get(name)?.message ?? null);
  try {
    await Promise.all(Array.from({ length: width }, worker));
  } finally {
    await stopWatching();
  }
}

/** Not where it is forced: then senders wait already, and the first connection is not to wait for the last one's handshake. */
async function prepare(run: RunState, moves: readonly PlannedMove[]): Promise<void> {
  const byShard = Map.groupBy(moves, ({ shard }) => shard);
  await Promise.all([...byShard].map(([shard, some]) => gatewayOf(run.context, shard).prepareMoves(some.length)));
}

async function moveOne(run: RunState, move: PlannedMove): Promise<void> {
  const { name, to, from, reason } = move;
  const changeId = run.args['change-id'];
  const result = await gatewayOf(run.context, move.shard).move(name, {
    requestId: requestIdOf(run.context, name),
    phase: to.phase,
    newWeight: to.newWeight,
    expectedEpoch: from.epoch,
    origin: 'verb',
    force: run.args.force === true,
    ...(reason === null ? {} : { reason }),
    ...(changeId === undefined ? {} : { changeId }),
  });
  if (!result.ok) {
    const { code, message, next } = result.error;
    run.complaints.set(name, { name, code, message, next, aborted: false });
    return;
  }
  if (result.value.aborted !== true) {
    run.answers.set(name, result.value);
    return;
  }
  const message = result.value.reason ?? 'the gateway gave no reason';
  const next = [
    `cutover rollback --connection ${name} --reason … --force (commits at once, without waiting for the new platform)`,
  ];
  run.complaints.set(name, { name, code: 'aborted', message, next, aborted: true });
}
