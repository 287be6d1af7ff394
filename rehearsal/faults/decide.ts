/**
 * The decision list after a fault, as a person works it off: what the destination has got is discarded, what it has not got is
 * delivered. The far end is asked, as one would call the LIS; the product itself does not guess.
 */
import type { OpenDecision } from '../../core/admin-api.ts';
import type { Director } from './fault.ts';

/** Of one command. */
const AT_ONCE = 500;

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
  const arrived = await stage.load.haveArrived(
    open.map(({ connection, input }) => ({ connection, controlId: input?.msh10 ?? '' })),
  );
  const judged = open.map(({ id, connection, input }, index) => ({
    id,
    connection,
    hasArrived: input !== null && arrived[index] === true,
  }));
  for (const hasArrived of [true, false]) {
    const ones = judged.filter((one) => one.hasArrived === hasArrived);
    for (let from = 0; from < ones.length; from += AT_ONCE) await close(director, ones.slice(from, from + AT_ONCE));
  }
}

type Judged = { readonly id: string; readonly connection: string; readonly hasArrived: boolean };

/** All of them judged alike. */
async function close(director: Director, ones: readonly Judged[]): Promise<void> {
  const ids = ones.map(({ id }) => id).join(',');
  const hasArrived = ones[0]?.hasArrived === true;
  const action = hasArrived
    ? ['--discard', ids, '--reason', 'the far end has it']
    : ['--deliver', ids, '--reason', 'the far end has not got it'];
  const finished = await director.verb('resolve', ['resolve', ...action, '--json']);
  if (finished.exitCode !== 0) {
    director.wrong(`cutover resolve of ${ones.length} decisions ended with exit ${finished.exitCode}`);
    return;
  }
  const outcome = hasArrived ? 'discarded, as they had arrived' : 'delivered, as they had not arrived';
  for (const name of new Set(ones.map(({ connection }) => connection))) {
    const count = ones.filter(({ connection }) => connection === name).length;
    director.seen(`${name}: decided, ${outcome}`, count);
  }
}
