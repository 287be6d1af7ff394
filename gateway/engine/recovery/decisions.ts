/** What the journal says of decisions: that a person is asked, and what was said. */
import { ORDER_WAIT } from '../connection.ts';
import { DESTINATION_REJECTED, SHADOW_GAP } from '../deciding.ts';
import type { DecisionRecord, ResolutionRecord } from '../records.ts';
import type { Replay } from './replay.ts';

export function replayDecision({ engine, names, open }: Replay, meta: DecisionRecord): void {
  engine.decisions.open({ ...meta, connection: names.nameOf(meta.connection) });
  if (meta.cause === DESTINATION_REJECTED) for (const { offset } of meta.proposals) open.rejected.delete(offset);
  const connection = names.connection(meta.connection);
  const obligation = meta.input === null ? null : connection?.obligations.get(meta.input);
  if (obligation) connection?.obligations.close(obligation, meta.cause === ORDER_WAIT);
}

export function replayResolution({ engine, names, open }: Replay, meta: ResolutionRecord): void {
  engine.decisions.resolve(meta);
  const decision = engine.decisions.get(meta.id);
  if (decision === null) return;
  const connection = names.connection(decision.connection);
  if (decision.cause === SHADOW_GAP && connection !== undefined) connection.gap = null;
  if (meta.action !== 'deliver') return;
  for (const proposal of decision.proposalOffsets) open.resolved.set(proposal, decision);
  if (decision.inputOffset !== null) connection?.obligations.decided(decision.inputOffset);
}
