/**
 * kill -9 of a gateway under load, after the switch. Where there are others, they go on, and a rollback of everything meanwhile
 * moves what can be moved. Then it starts again on the same data directory. Nothing may be lost; what it cannot know it
 * must list by id.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { moveDocumentSchema } from '../../core/documents.ts';
import { idsOf, readMaybeSent } from '../maybe-sent.ts';
import { documentIn } from '../verb-complaints.ts';
import { ROLLBACK } from '../verb-steps.ts';
import { decideOpen } from './decide.ts';
import { type Director, type Fault, total } from './fault.ts';

const SHARD = 0;
const POLL_MS = 20;
const IN_FLIGHT_LIMIT_MS = 20_000;
const PARTLY = 4;

export const gatewayDies: Fault = {
  at: { after: 'switch' },
  play: async (director) => {
    await director.timed('fault gateway-dies', () => strike(director));
    return true;
  },
};

async function strike(director: Director): Promise<void> {
  const { stage, around } = director;
  const gateway = stage.gateways.process(SHARD);
  const carried = stage.estate.connections.filter(({ shard }) => shard === SHARD).length;
  const isAlone = stage.gateways.count === 1;
  const inFlight = await underLoad(director);
  await stage.load.beginWindow();
  await gateway.kill();
  const killedAt = performance.now();
  around.progress.line('fault: kill -9 of the gateway');
  director.injected(
    `kill -9 of ${isAlone ? 'the gateway' : `one of ${stage.gateways.count} gateways`}; connections that it carried`,
    carried,
  );
  director.injected('messages in flight at that moment', inFlight);
  if (!isAlone) await rollBackTheOthers(director, carried);
  const startedAt = performance.now();
  const connections = await gateway.start();
  const now = performance.now();
  const times = `${seconds(now - startedAt)} after it was started, ${seconds(now - killedAt)} after the kill`;
  around.progress.line(`gateway serves ${connections} connections again, ${times}`);
  director.seen(`connections served again, ${times}`, connections);
  await director.flow('after the gateway came back');
  const pauses = await stage.load.endWindow();
  director.seen('longest wait of a sender, in ms', Math.round(Math.max(0, ...pauses)));
  await director.caughtUp();
  director.seen('messages that it lists by id as maybe sent', idsOf(await readMaybeSent(stage)).length);
  await decideOpen(director);
}

/** A rollback of everything with one gateway out of reach: done where it can be done, and it says where not. */
async function rollBackTheOthers(director: Director, outOfReach: number): Promise<void> {
  const { connections } = director.stage.estate;
  const finished = await director.verb('rollback with a gateway down', [
    'rollback',
    '--all',
    '--yes',
    '--json',
    ...ROLLBACK.args,
  ]);
  const document = moveDocumentSchema.safeParse(documentIn(finished.stdout));
  const { changed = [], refused = [] } = document.success ? document.data : {};
  director.seen(
    `connections of the others that a rollback took back meanwhile (exit ${finished.exitCode})`,
    changed.length,
  );
  director.seen('connections that it named as out of reach, left as they are', refused.length);
  const isRight =
    finished.exitCode === PARTLY && changed.length === connections.length - outOfReach && refused.length === outOfReach;
  if (isRight) return;
  director.wrong(
    `a rollback with one gateway down ended with exit ${finished.exitCode}: ${changed.length} moved, ${refused.length} named as out of reach, of ${connections.length}`,
  );
}

/** Resolves when the gateways have messages in their hands. */
async function underLoad(director: Director): Promise<number> {
  const endsAt = performance.now() + IN_FLIGHT_LIMIT_MS;
  for (;;) {
    const inFlight = total(await director.statuses(), (status) => status.inFlight);
    if (inFlight > 0 || performance.now() > endsAt) return inFlight;
    await sleep(POLL_MS, undefined, { signal: director.around.signal });
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
