/**
 * What a process that ended has left open. It gets no verdict any more, and a message without a durable one may have been
 * taken by its peer: nobody knows, so it is listed (rule 2).
 */
import { PLATFORMS } from '../../../core/platform.ts';
import type { ConnectionEngine } from '../connection.ts';
import type { Decision } from '../lists.ts';
import type { MessageFacts, OutputRecord } from '../records.ts';
import type { JournalNames } from './names.ts';
import type { Replay } from './replay.ts';

/** Where an output is listed that is kept for nobody. */
const KEPT_LIST = { deliver: null, capture: null, park: 'parked', suppress: 'suppressed' } as const;

/** A process ended here: what it had open will get no verdict any more. */
export function closeOpen({ names, open }: Replay): void {
  for (const { input } of open.inputs.values()) {
    for (const connection of names.connectionsOf(input.feed)) {
      connection.inputAnswered(input, input.primary, 'lost', true);
      connection.counters.unanswered++;
    }
  }
  for (const { connection, record } of open.outputs.values()) {
    const obligation = record.input === null ? null : connection.obligations.get(record.input);
    if (record.role === 'deliver' && obligation !== null) connection.uncertain(obligation, record.platform);
  }
  open.inputs.clear();
  open.outputs.clear();
}

/** Before `closeOpen`: the messages and outputs that the last process had in work. */
export function listOpen({ names, open }: Replay): void {
  for (const { input } of open.inputs.values()) {
    names.connectionsOf(input.feed)[0]?.listed('maybeSent', input.facts, input.offset, 'crash');
  }
  for (const [offset, { connection, record, facts }] of open.outputs) {
    listKept(connection, record, facts, offset);
    if (record.role === 'deliver') connection.listed('maybeSent', facts, offset, 'crash');
  }
}

/** After it: what the gateway itself sends once more. `clean`: the last run ended as it should, and has listed that. */
export function listRepeated({ engine, names, open, restored }: Replay, clean: boolean): void {
  for (const connection of engine.connections.values()) {
    if (!clean || restored.has(connection.config.name)) listTakenOver(connection);
  }
  for (const [offset, decision] of open.resolved) {
    if (!clean || restored.has(decision.connection)) listResolved(names, decision, offset);
  }
  for (const feed of engine.feeds.values()) {
    const connections = engine.connectionsOf(feed.config.name);
    // After a restore any copy may have been taken already, not only the first.
    if (connections.some(({ config }) => restored.has(config.name)))
      for (const platform of PLATFORMS) feed.shadows[platform].listAll('restored');
    else if (!clean) feed.listInterruptedShadows('crash');
  }
}

/** The crash may have come between an output that is kept for nobody and its entry. */
function listKept(connection: ConnectionEngine, { role }: OutputRecord, facts: MessageFacts, offset: number): void {
  const list = KEPT_LIST[role];
  if (list !== null && !connection.lists.offsets(list).includes(offset))
    connection.listed(list, facts, offset, 'crash');
}

/** What was taken over is sent again: any of it may have reached the destination before the crash. */
function listTakenOver(connection: ConnectionEngine): void {
  for (const { isPromised, owner, sides } of connection.obligations.all()) {
    if (!isPromised || owner === null) continue;
    const { state, output, outputFacts } = sides[owner];
    if (state === 'settled' && outputFacts !== null) connection.listed('maybeSent', outputFacts, output, 'crash');
  }
}

/** What a person has had delivered is sent again as well. */
function listResolved(names: JournalNames, decision: Decision, offset: number): void {
  const proposal = decision.proposals[decision.proposalOffsets.indexOf(offset)];
  if (proposal === undefined) return;
  const facts = { msh10: proposal.msh10, sha: proposal.sha256 };
  names.connection(decision.connection)?.listed('maybeSent', facts, offset, 'crash');
}
