/** What the journal says of outputs that the gateway delivered itself: taken over by a forced rollback, or decided by a person. */
import { PLATFORMS } from '../../../core/platform.ts';
import type { ConnectionEngine } from '../connection.ts';
import { inputOf } from '../deciding.ts';
import type { Decision } from '../lists.ts';
import type { OutputVerdictRecord } from '../records.ts';
import type { OpenRecords } from './open-records.ts';
import { delivered, recoverAnswerOf } from './outputs.ts';
import type { Replay } from './replay.ts';

export function replayTakenOverVerdict(
  { names, open }: Replay,
  meta: OutputVerdictRecord,
  payload: Buffer | null,
): void {
  if (meta.verdict === 'lost') return;
  const decided = open.resolved.get(meta.output);
  open.resolved.delete(meta.output);
  const known = open.outputs.get(meta.output);
  // Its platform still waited for the answer to the capture: a resend gets the destination's own, and is no new output.
  if (known !== undefined) recoverAnswerOf(known, meta, payload);
  const connection = names.connection(meta.connection);
  if (connection === undefined) return;
  connection.obligations.takeOver(meta.output);
  if (settlesObligation(connection, open, meta, payload)) return;
  if (decided !== undefined && meta.verdict !== 'positive') askAgain(connection, open, decided, meta.output);
  // A person's decision, or its input has been closed meanwhile: it was delivered all the same.
  delivered(connection, meta, null);
}

/** False: no input that is open has this output. */
function settlesObligation(
  connection: ConnectionEngine,
  open: OpenRecords,
  meta: OutputVerdictRecord,
  payload: Buffer | null,
): boolean {
  const { obligations } = connection;
  for (const obligation of [...obligations.all()]) {
    const platform = PLATFORMS.find((item) => obligation.sides[item].output === meta.output);
    if (platform === undefined) continue;
    obligations.takeOver(obligation.sides[platform].firstOutput ?? meta.output);
    obligation.controlAnswer = payload;
    delivered(connection, meta, { platform, epoch: connection.route.epoch });
    const facts = obligation.sides[platform].outputFacts;
    obligations.settled(obligation, platform, meta.verdict === 'positive');
    if (meta.verdict !== 'positive' && facts !== null) {
      const { input, facts: inputFacts } = obligation;
      open.reject(connection, { offset: meta.output, facts, input, inputFacts });
    }
    return true;
  }
  return false;
}

/** The destination did not take what a person had sent on. */
function askAgain(connection: ConnectionEngine, open: OpenRecords, decided: Decision, offset: number): void {
  const proposal = decided.proposals[decided.proposalOffsets.indexOf(offset)];
  if (proposal === undefined) return;
  const facts = { msh10: proposal.msh10, sha: proposal.sha256 };
  open.reject(connection, { offset, facts, ...inputOf(decided) });
}
