/**
 * The worst night: the new platform is killed mid-message, the database and the Pulumi backend are gone at the same time, and,
 * where it is asked for, legacy is thousands of messages behind. A forced rollback needs none of them. Afterwards the dead
 * platform comes back with its queue, and nothing of it may arrive a second time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { moveDocumentSchema } from '../../core/documents.ts';
import { documentIn } from '../verb-complaints.ts';
import { ROLLBACK, SYNC } from '../verb-steps.ts';
import { midMessage, OWNER_IS_DEAD, settled } from './control-dies.ts';
import { decideOpen } from './decide.ts';
import { type Director, type Fault, total } from './fault.ts';
import { BACKEND, DATABASE } from './records-down.ts';

const BEHIND_PER_CONNECTION = 40;
const MOST_BEHIND = 10_000;
const BEHIND_LIMIT_MS = 180_000;
const LOOK_EVERY_MS = 250;
const OUTAGES = [DATABASE, BACKEND];

export function worstNight({ isBehind }: { readonly isBehind: boolean }): Fault {
  return {
    at: { insteadOf: 'rollback' },
    play: async (director) => {
      const { stage, around } = director;
      if (isBehind) await director.timed('legacy falls behind', () => leaveBehind(director));
      const before = await director.statuses();
      const pending = await midMessage(director);
      await Promise.all([stage.load.kill('new'), ...OUTAGES.map((outage) => outage.begin(director))]);
      if (isBehind) await stage.load.setFault('legacy', 'down', false);
      around.progress.line('fault: kill -9 of the new platform; PostgreSQL and the Pulumi backend are gone with it');
      director.injected('kill -9 of the new platform, which owned every connection');
      director.injected('messages that it had taken and not passed on, kept in its queue', pending);
      for (const { what } of OUTAGES) director.injected(what);
      const { done, finished } = await director.swap({
        ...ROLLBACK,
        args: ['--force', '--reason', 'rehearsal: everything is down'],
        outage: isBehind ? `${OWNER_IS_DEAD}, and legacy is behind` : OWNER_IS_DEAD,
      });
      const document = moveDocumentSchema.safeParse(documentIn(finished.stdout));
      if (document.success) noteRollback(director, document.data);
      if (done) await director.flow('after rollback');
      for (const outage of OUTAGES) await outage.end(director);
      around.progress.line('fault: PostgreSQL and the Pulumi backend are back');
      if (!done) return false;
      await director.timed('new platform back', () => comeBack(director, before));
      const synced = await director.swap({ ...SYNC, step: 'sync after it', phase: 'parallel' });
      if (synced.done) director.seen('sync brought the records up to the gateways afterwards');
      return synced.done;
    },
  };
}

/** The copies for legacy pile up: it is down while the new platform owns everything. */
async function leaveBehind(director: Director): Promise<void> {
  const { stage, around } = director;
  const wanted = Math.min(MOST_BEHIND, stage.estate.connections.length * BEHIND_PER_CONNECTION);
  await stage.load.setFault('legacy', 'down', true);
  around.progress.line(`fault: legacy is down until ${wanted} messages wait for it`);
  const endsAt = performance.now() + BEHIND_LIMIT_MS;
  let behind = 0;
  while (behind < wanted && performance.now() < endsAt) {
    await sleep(LOOK_EVERY_MS, undefined, { signal: around.signal });
    // On a shared feed each connection shows the lag of the whole feed.
    const feeds = new Map((await director.statuses()).map(({ feed, shadowLag }) => [feed, shadowLag]));
    behind = [...feeds.values()].reduce((sum, lag) => sum + lag, 0);
  }
  director.injected('messages that legacy was behind when it was needed', behind);
  if (behind < wanted) director.wrong(`legacy was ${behind} messages behind at most; ${wanted} were wanted`);
}

type Document = Extract<ReturnType<typeof moveDocumentSchema.safeParse>, { success: true }>['data'];

function noteRollback(director: Director, { timings = [], changed, warnings }: Document): void {
  const untilMoved = timings.findIndex(({ step }) => step === 'gateway-moves');
  const movedMs = timings.slice(0, untilMoved + 1).reduce((sum, { wallMs }) => sum + wallMs, 0);
  director.seen(
    `connections on legacy ${(movedMs / 1000).toFixed(1)} s after the rollback began, with both gone`,
    changed.length,
  );
  for (const warning of warnings) director.seen(`the rollback said: ${warning}`);
}

async function comeBack(director: Director, before: Awaited<ReturnType<Director['statuses']>>): Promise<void> {
  const { stage, around } = director;
  await stage.load.revive('new');
  around.progress.line('fault: the new platform runs again, with its queue');
  await director.caughtUp();
  await settled(director);
  const after = await director.statuses();
  const held =
    total(after, ({ counters }) => counters.suppressed + counters.captured) -
    total(before, ({ counters }) => counters.suppressed + counters.captured);
  director.seen('outputs of both platforms captured or held back since, none of them delivered twice', held);
  await decideOpen(director);
}
