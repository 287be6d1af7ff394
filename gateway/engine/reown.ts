/**
 * Rule 9: a forced rollback. What the former owner still owes is taken over by the platform that captured it, in order
 * and before newer traffic; where the product cannot know, a person decides. Nothing is delivered silently either way.
 */
import { otherPlatform, type Platform } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { Obligation } from './obligations.ts';

export type Doubt = { readonly obligation: Obligation; readonly cause: string };

/** Takes over everything owed; returns what only a person can decide. Pure over the engine's state: recovery repeats it. */
export function takeOver(connection: ConnectionEngine, dead: Platform): readonly Doubt[] {
  const heir = otherPlatform(dead);
  const isCertain =
    connection.config.correlate !== null &&
    connection.config.outputs === 'one' &&
    connection.obligations.isKeyProven(heir);
  const doubts: Doubt[] = [];
  for (const obligation of [...connection.obligations.all()]) {
    const { verdict, sides } = obligation;
    // Nobody has answered for it: the sender's resend is the next attempt, live to the heir.
    if (verdict !== 'positive') {
      if (sides[dead].state === 'expected') sides[dead].state = 'missing';
      connection.obligations.closeIfDone(obligation);
      continue;
    }
    if (sides[dead].delivered) {
      if (sides[dead].state === 'expected') sides[dead].state = 'settled';
      continue;
    }
    // An output of the dead platform that the gateway already has is the control's of the former epoch: it goes out.
    if (sides[dead].state === 'open') continue;
    if (sides[dead].state === 'settled') continue;
    if (!isCertain) {
      doubts.push({ obligation, cause: connection.config.correlate === null ? 'no-correlation' : 'several-outputs' });
      continue;
    }
    connection.obligations.promise(obligation, heir);
    sides[dead].state = 'missing';
  }
  return doubts;
}

/** Sends what the heir has captured already, in the order of the inputs. */
export function deliverCaptures(connection: ConnectionEngine, heir: Platform): void {
  for (const obligation of connection.obligations.all()) {
    if (obligation.owner === heir && obligation.sides[heir].state === 'settled') connection.deliverPromised(obligation);
  }
}
