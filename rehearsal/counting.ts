/** The end of a rehearsal: nothing new is sent, what is under way arrives, and both ends are counted against each other. */
import { type EndCount, isClean, sumCounts } from './count.ts';
import type { Estate } from './estate.ts';
import type { CountedEnds } from './load.ts';
import { idsOf, readMaybeSent } from './maybe-sent.ts';
import type { DirectionCount, Messages } from './result.ts';
import type { Around, Stage } from './stage.ts';

const DRAIN_LIMIT_MS = 45_000;
const QUIET_MS = 8_000;
const LISTED_IDS_SHOWN = 20;
const MISANSWERS_SHOWN = 5;

export type Counted = {
  readonly messages: Messages;
  readonly directions: DirectionCount[];
  /** Why the count is not clean. */
  readonly reasons: readonly string[];
};

export async function countEnds(stage: Stage, { signal, options }: Around): Promise<Counted> {
  const { load, estate } = stage;
  const reasons: string[] = [];
  await load.drain(DRAIN_LIMIT_MS, QUIET_MS, signal);
  const maybeSent = await readMaybeSent(stage);
  reasons.push(...maybeSent.unread);
  const ends = await load.count(maybeSent.listed);
  const { total, misanswered, misanswers, deferred, deferredMissing } = ends;
  if (!isClean(total)) reasons.push(`the count at the ends is not clean: ${findingsOf(total)}`);
  if (misanswered > 0) {
    const examples = misanswers.slice(0, MISANSWERS_SHOWN).join(', ');
    reasons.push(`${misanswered} answers belonged to another message (${examples})`);
  }
  // A platform or a gateway that is killed takes with it what it had not acknowledged yet.
  if (deferredMissing > 0 && options.faults.length === 0)
    reasons.push(`${deferredMissing} messages were committed and never acknowledged`);
  if (total.sent === 0) reasons.push('no message was taken');
  const ids = idsOf(maybeSent);
  const messages = {
    ...total,
    misanswered,
    deferred,
    deferredMissing,
    maybeSent: ids.length,
    maybeSentIds: ids.slice(0, LISTED_IDS_SHOWN),
    exampleIds: [...total.exampleIds],
  };
  return { messages, directions: byDirection(estate, ends), reasons };
}

function byDirection({ connections }: Estate, { byConnection }: CountedEnds): DirectionCount[] {
  return (['orders', 'results'] as const).flatMap((direction) => {
    const counts = connections.flatMap((connection) => {
      const count = connection.direction === direction ? byConnection.get(connection.name) : undefined;
      return count === undefined ? [] : [count];
    });
    const { exampleIds: _, ...sum } = sumCounts(counts);
    return counts.length === 0 ? [] : [{ direction, connections: counts.length, ...sum }];
  });
}

function findingsOf({ lost, duplicated, reordered, altered, unexpected }: EndCount): string {
  const findings = { lost, 'doubled and not listed': duplicated, 'out of order': reordered, altered, unexpected };
  return Object.entries(findings)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}
