/**
 * The decision list after a fault, as a person works it off: what the destination has got is discarded, what it has not got is
 * delivered. The far end is asked, as one would call the LIS; the product itself does not guess.
 */
import type { OpenDecision } from '../../core/admin-api.ts';
import type { Director } from './fault.ts';

const MOST_DECISIONS = 20;

/** Says also that there are none. */
export async function decideOpen(director: Director): Promise<void> {
  const open = await openDecisions(director);
  director.seen('messages left to a person (decision list)', open.length);
  await decide(director, open);
}

/** What a crash left unknown may come up with a later swap only. */
export async function decideWhatCameUp(director: Director, when: string): Promise<void> {
  const open = await openDecisions(director);
  if (open.length === 0) return;
  director.seen(`messages left to a person (decision list) ${when}`, open.length);
  await decide(director, open);
}

async function openDecisions(director: Director): Promise<readonly OpenDecision[]> {
  const read = await director.stage.gateways.decisions();
  if (read.ok) return read.value.filter(({ resolved }) => resolved === null);
  director.wrong(`the decision list could not be read: ${read.message}`);
  return [];
}

async function decide(director: Director, open: readonly OpenDecision[]): Promise<void> {
  const { stage } = director;
  for (const { id, connection, input } of open.slice(0, MOST_DECISIONS)) {
    const hasArrived = input !== null && (await stage.load.hasArrived(connection, input.msh10));
    const action = hasArrived ? ['--discard', id, '--reason', 'the far end has it'] : ['--deliver', id];
    const reason = hasArrived ? [] : ['--reason', 'the far end has not got it'];
    const finished = await director.verb('resolve', ['resolve', ...action, ...reason, '--json']);
    if (finished.exitCode !== 0) director.wrong(`cutover resolve of ${id} ended with exit ${finished.exitCode}`);
    else
      director.seen(
        `${connection}: decided, ${hasArrived ? 'discarded, as it had' : 'delivered, as it had not'} arrived`,
      );
  }
}
