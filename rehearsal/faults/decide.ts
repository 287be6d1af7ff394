/**
 * The decision list after a fault, as a person works it off: what the destination has got is discarded, what it has not got is
 * delivered. The far end is asked, as one would call the LIS; the product itself does not guess.
 */
import type { Director } from './fault.ts';

const MOST_DECISIONS = 20;

export async function decideOpen(director: Director): Promise<void> {
  const { stage } = director;
  const read = await stage.gateways.decisions();
  if (!read.ok) {
    director.wrong(`the decision list could not be read: ${read.message}`);
    return;
  }
  const open = read.value.filter(({ resolved }) => resolved === null);
  director.seen('messages left to a person (decision list)', open.length);
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
