/**
 * Rule 9: a forced rollback. What the former owner still owes is taken over by the platform that captured it, in order
 * and before newer traffic; where the product cannot know, a person decides. Nothing is delivered silently either way.
 */
import { otherPlatform, type Platform } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { Obligation } from './obligation.ts';
import type { RouteEpochRecord } from './records.ts';

/** Each of the heir's captures is known to be the one output of its input. The epoch record keeps the answer. */
export function canReown({ config, obligations, correlation }: ConnectionEngine, heir: Platform): boolean {
  if (config.correlate === null || config.outputs !== 'one') return false;
  return obligations.isKeyProven(heir) && !correlation.isDoubtful(heir);
}

/** The inputs whose output the heir should have made long since. The epoch record keeps them too. */
export function overdueOf({ obligations }: ConnectionEngine, heir: Platform, nowMs: number): readonly number[] {
  return [...obligations.all()].flatMap((obligation) => {
    const isOver = obligation.sides[heir].state === 'missing' || obligations.isLate(obligation, heir, nowMs);
    return isOver ? [obligation.input] : [];
  });
}

/** Takes over everything owed, and marks what only a person can decide. Pure over the engine's state: recovery repeats it. */
export function takeOver(
  connection: ConnectionEngine,
  dead: Platform,
  ownedBefore: (obligation: Obligation) => Platform | null,
  { reowns: isCertain, overdue }: Pick<RouteEpochRecord, 'reowns' | 'overdue'>,
): void {
  const late = overdue === undefined ? null : new Set(overdue);
  const heir = otherPlatform(dead);
  for (const obligation of [...connection.obligations.all()]) {
    const { verdict, sides } = obligation;
    obligation.isDoubtful = false;
    // Nobody has answered for it: the sender's resend is the next attempt, live to the heir. What the heir itself has not
    // answered yet (a weight, a shared feed) it still will.
    const isAccepted = verdict === 'positive' || (verdict === null && obligation.primary === heir);
    if (!isAccepted) {
      if (sides[dead].state === 'expected') sides[dead].state = 'missing';
      // Its output is on its way to the destination already: the one that the resend makes must not follow it.
      if (sides[dead].state === 'open' && isCertain) connection.obligations.leaveTo(obligation, dead, true);
      connection.obligations.closeIfDone(obligation);
      continue;
    }
    if (sides[dead].delivered) {
      if (sides[dead].state === 'expected') sides[dead].state = 'settled';
      connection.obligations.closeIfDone(obligation);
      continue;
    }
    // An output of the dead platform that the gateway already has is the control's of the former epoch: it goes out.
    if (sides[dead].state === 'open') {
      if (isCertain) connection.obligations.leaveTo(obligation, dead, true);
      continue;
    }
    if (sides[dead].state === 'settled' && !sides[dead].kept) continue;
    // With a weight the heir itself may have owned it all along, and have sent it.
    const hasSent = sides[heir].delivered || (sides[heir].state === 'settled' && !sides[heir].kept);
    const isHeirs = hasSent || ownedBefore(obligation) === heir;
    if (isHeirs) {
      if (sides[dead].state === 'expected') sides[dead].state = 'missing';
      connection.obligations.closeIfDone(obligation);
      continue;
    }
    if (!isCertain) {
      obligation.doubt = connection.config.outputs === 'one' ? 'no-correlation' : 'several-outputs';
      continue;
    }
    // The heir did not take its copy, or got none: nothing will come of it.
    if (sides[heir].state === 'none') {
      obligation.doubt = sides[heir].refused ? 'copy-rejected' : 'output-missing';
      continue;
    }
    // Its copy was answered and the time for its output is over, as where it knew the message already: nothing says that it
    // will still come, and a promise would be waited for without end.
    if (sides[heir].answeredAtMs !== null) {
      if (late === null ? sides[heir].state === 'missing' : late.has(obligation.input)) {
        obligation.doubt = 'output-missing';
        continue;
      }
      // A recovery took it for over: when the rollback was made, its leg was still at work on what is late.
      if (sides[heir].state === 'missing') sides[heir].state = 'expected';
    }
    connection.obligations.promise(obligation, heir);
    sides[dead].state = 'missing';
  }
}

/** What a forced rollback has left to a person. */
export function doubtsOf({ obligations }: ConnectionEngine): readonly { input: number; cause: string }[] {
  return [...obligations.all()].flatMap(({ input, doubt }) => (doubt === null ? [] : [{ input, cause: doubt }]));
}

/** Sends what the heir has captured already, in the order of the inputs. */
export function deliverCaptures(connection: ConnectionEngine, heir: Platform): void {
  for (const obligation of connection.obligations.all()) {
    if (obligation.owner === heir && obligation.sides[heir].state === 'settled')
      connection.flow.deliverPromised(obligation);
  }
}
