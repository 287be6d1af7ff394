/** What only a person can say: decisions are opened, and closed by name; what is to be delivered then goes out, out of order. */
import { controlOf, otherPlatform, PLATFORMS } from '../../core/platform.ts';
import { type ConnectionEngine, ORDER_WAIT } from './connection.ts';
import { OUTPUT_CAPTURED } from './doubts.ts';
import { whyFenced } from './fence.ts';
import type { Decision, Decisions } from './lists.ts';
import type { RejectedOutput } from './output-flow.ts';
import type { DecisionRecord, ResolutionRecord } from './records.ts';
import type { Runtime } from './runtime.ts';

/** So many overdue outputs are no accident: the platform filters, and the inventory does not say so. */
const OVERDUE_AT_ONCE = 100;
/** Cause of the decision about an output that its destination does not take from the gateway. */
export const DESTINATION_REJECTED = 'destination-rejected';
/** Cause of the decision about messages that a platform will not get, for want of disk. */
export const SHADOW_GAP = 'shadow-gap';

/** Why a decision is not closed now. */
export type NotResolved = {
  readonly code: 'unknown-decision' | 'operation-in-flight' | 'journal-failed' | 'nothing-to-deliver' | 'fenced';
  readonly message: string;
  readonly next: readonly string[];
};

export class Deciding {
  readonly #shard: number;
  readonly #runtime: Runtime;
  readonly #decisions: Decisions;
  readonly #connections: ReadonlyMap<string, ConnectionEngine>;
  /** Their resolution is on its way to the disk: nobody else closes them meanwhile, for each would deliver. */
  readonly #closing = new Set<string>();

  constructor(
    shard: number,
    runtime: Runtime,
    decisions: Decisions,
    connections: ReadonlyMap<string, ConnectionEngine>,
  ) {
    this.#shard = shard;
    this.#runtime = runtime;
    this.#decisions = decisions;
    this.#connections = connections;
  }

  open(connection: ConnectionEngine, cause: string, input: number): void {
    const obligation = connection.obligations.get(input);
    if (obligation === null) return;
    // The owner's own output is there: the other platform's beside it would be the same message again.
    const only = cause === OUTPUT_CAPTURED ? connection.ownership.ownerOfInput(obligation) : null;
    const proposals = PLATFORMS.filter((platform) => only === null || platform === only).flatMap((platform) => {
      const { output, outputFacts, delivered } = obligation.sides[platform];
      return output === null || outputFacts === null || delivered ? [] : [{ ...outputFacts, offset: output }];
    });
    this.#ask(connection, { cause, input, inputFacts: obligation.facts, proposals });
    connection.obligations.close(obligation, cause === ORDER_WAIT);
  }

  /** The destination does not take what the gateway delivers itself: it is kept, and a person may have it tried again. */
  openRejected(connection: ConnectionEngine, { offset, facts, input, inputFacts }: RejectedOutput): void {
    const proposals = [{ ...facts, offset }];
    this.#ask(connection, { cause: DESTINATION_REJECTED, input, inputFacts, proposals });
    const obligation = input === null ? null : connection.obligations.get(input);
    if (obligation !== null) connection.obligations.close(obligation);
  }

  /** Messages were kept from a platform: a person says that it has them, or need not. One question, however far it grows. */
  askOfGap(connection: ConnectionEngine): void {
    const { name } = connection.config;
    if (connection.gap === null || this.#decisions.hasOpen(name, SHADOW_GAP)) return;
    this.#ask(connection, { cause: SHADOW_GAP, input: null, inputFacts: null, proposals: [] });
  }

  #ask(
    { config }: ConnectionEngine,
    question: Pick<DecisionRecord, 'cause' | 'input' | 'inputFacts' | 'proposals'>,
  ): void {
    const id = `${this.#shard}-${this.#runtime.nextOffset}`;
    const at = this.#runtime.now;
    const record: DecisionRecord = { t: 'decision', id, connection: config.name, ...question, at };
    this.#runtime.append(record, null, 'durable');
    this.#decisions.open(record);
  }

  /** Inputs whose output did not come although it had to: a person decides, traffic goes on. */
  openOverdue(connection: ConnectionEngine): void {
    if (connection.openOutputs > 0) return;
    const overdue = connection.obligations.overdue(this.#runtime.now, (item, platform) =>
      connection.ownership.owes(item, platform),
    );
    if (overdue.length > OVERDUE_AT_ONCE) return;
    for (const obligation of overdue) this.open(connection, 'output-missing', obligation.input);
  }

  /** Closes a decision; with `deliver` its captures go to the destination, out of order. Null: it does; else why not. */
  resolve(record: ResolutionRecord, then: (decision: Decision) => void): NotResolved | null {
    const decision = this.#decisions.get(record.id);
    const bar = this.#barOf(decision, record);
    if (decision === null || bar !== null) return bar;
    const gapped = decision.cause === SHADOW_GAP ? this.#connections.get(decision.connection) : undefined;
    if (gapped !== undefined) gapped.gap = null;
    this.#closing.add(record.id);
    this.#runtime.append(record, null, 'durable', () => {
      this.#closing.delete(record.id);
      this.#decisions.resolve(record);
      // It may have opened anew while this was on its way to the disk.
      if (gapped !== undefined) this.askOfGap(gapped);
      if (record.action === 'deliver') for (const offset of decision.proposalOffsets) this.redeliver(decision, offset);
      then(this.#decisions.get(record.id) ?? decision);
    });
    return null;
  }

  #barOf(decision: Decision | null, { id, action }: ResolutionRecord): NotResolved | null {
    if (decision === null || decision.resolved !== null)
      return { code: 'unknown-decision', message: `no open decision has the id '${id}'`, next: ['cutover resolve'] };
    if (this.#closing.has(id)) {
      const message = `decision '${id}' is being closed by another request`;
      return { code: 'operation-in-flight', message, next: ['cutover resolve'] };
    }
    if (this.#runtime.isRefusing) {
      const message = `the journal cannot be written, and a resolution that is not in it has not happened`;
      return { code: 'journal-failed', message, next: ['runbooks/gateway-down.md'] };
    }
    if (action === 'discard') return null;
    if (decision.proposalOffsets.length === 0) {
      const message = `decision '${id}' has nothing to deliver (proposals: 0)`;
      const next = ['have its source send the message again', `cutover resolve --discard ${id} --reason TEXT`];
      return { code: 'nothing-to-deliver', message, next };
    }
    const fence = this.#connections.get(decision.connection)?.fence ?? null;
    return fence === null ? null : { code: 'fenced', ...whyFenced(decision.connection, fence) };
  }

  /** Sends one proposal of a decision; also on recovery, where the journal has the decision and no verdict. */
  redeliver(decision: Decision, offset: number): void {
    const connection = this.#connections.get(decision.connection);
    const proposal = decision.proposals[decision.proposalOffsets.indexOf(offset)];
    if (connection === undefined || proposal === undefined) return;
    const facts = { msh10: proposal.msh10, sha: proposal.sha256 };
    const platform = otherPlatform(controlOf(connection.route));
    connection.obligations.takeOver(offset);
    if (decision.inputOffset !== null) connection.obligations.decided(decision.inputOffset);
    const output = { offset, facts, platform, obligation: null, input: null, epoch: null };
    connection.flow.deliverCapture(output, { cause: 'outOfOrder', decided: inputOf(decision) });
  }
}

/** The input that a decision is about. */
export function inputOf({ input, inputOffset }: Decision): Pick<RejectedOutput, 'input' | 'inputFacts'> {
  return { input: inputOffset, inputFacts: input === null ? null : { msh10: input.msh10, sha: input.sha256 } };
}
