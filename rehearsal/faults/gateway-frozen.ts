/**
 * After the switch one gateway freezes under load (SIGSTOP, as a host does that hangs): its senders wait, the others must
 * feel nothing. A second process on its data directory is refused while it may wake up; it wakes up and goes on. Then it
 * freezes again, is killed without waking, and its successor takes over.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { idsOf, readMaybeSent } from '../maybe-sent.ts';
import { runToEnd } from '../product.ts';
import { gatewayFolder } from '../project.ts';
import { decideOpen } from './decide.ts';
import type { Director, Fault } from './fault.ts';

const SHARD = 0;
/** Longer than the most patient sender waits: retries meet the frozen gateway too. */
const FROZEN_MS = 11_000;
/** Shorter than any sender's patience: a neighbour that waited as long has felt it. */
const FELT_MS = 4_500;

export const gatewayFrozen: Fault = {
  at: { after: 'switch' },
  play: async (director) => {
    await director.timed('fault gateway-frozen', () => strike(director));
    return true;
  },
};

async function strike(director: Director): Promise<void> {
  const { stage, around } = director;
  const carried = stage.estate.connections.filter(({ shard }) => shard === SHARD).length;
  await stage.load.beginWindow();
  freeze(director);
  director.injected(`SIGSTOP of one of ${stage.gateways.count} gateways; connections that it carried`, carried);
  const refusal = await second(director);
  director.seen(`a second process on its data directory was refused: ${refusal}`);
  await sleep(FROZEN_MS, undefined, { signal: around.signal });
  process.kill(pidOf(director), 'SIGCONT');
  around.progress.line('fault: the gateway wakes up');
  await director.flow('after it woke up');

  freeze(director);
  const gateway = stage.gateways.process(SHARD);
  await gateway.kill();
  director.injected('SIGSTOP again, and kill -9 before it woke up');
  const startedAt = performance.now();
  const connections = await gateway.start();
  const tookMs = performance.now() - startedAt;
  around.progress.line('fault: killed while frozen; its successor serves');
  director.seen(`connections that its successor serves after ${(tookMs / 1000).toFixed(1)} s`, connections);
  await director.flow('after the take-over');
  judgeNeighbours(director, await stage.load.endWindowByFeed());
  await director.caughtUp();
  director.seen('messages that it lists by id as maybe sent', idsOf(await readMaybeSent(stage)).length);
  await decideOpen(director);
}

function freeze(director: Director): void {
  process.kill(pidOf(director), 'SIGSTOP');
  director.around.progress.line('fault: SIGSTOP of a gateway');
}

function pidOf({ stage }: Director): number {
  const { pid } = stage.gateways.process(SHARD);
  if (pid === null) throw new Error('the gateway does not run');
  return pid;
}

/** What a second process on the same data directory says as it gives up. */
async function second(director: Director): Promise<string> {
  const { stage, around } = director;
  const { folders } = stage;
  const finished = await runToEnd({
    script: 'gateway/main.ts',
    args: ['--inventory', folders.inventory, '--data-dir', gatewayFolder(folders, SHARD)],
    cwd: folders.project,
    env: process.env,
    logFile: join(folders.logs, 'second-gateway.log'),
    signal: around.signal,
  });
  if (finished.exitCode === 0)
    director.wrong('a second process served the data directory of a gateway that was only frozen');
  return finished.tail.at(0) ?? `exit ${finished.exitCode}`;
}

function judgeNeighbours(director: Director, pauses: ReadonlyMap<string, number>): void {
  const longest = (isOwn: boolean): number =>
    Math.round(
      Math.max(
        0,
        ...director.stage.estate.connections
          .filter(({ shard }) => (shard === SHARD) === isOwn)
          .map(({ feed }) => pauses.get(feed) ?? 0),
      ),
    );
  director.seen('longest wait of its senders, in ms', longest(true));
  if (director.stage.gateways.count === 1) return;
  director.seen('longest wait of the senders of the other gateways, in ms', longest(false));
  if (longest(false) > FELT_MS)
    director.wrong(`senders of the other gateways felt it: one waited ${longest(false)} ms`);
}
