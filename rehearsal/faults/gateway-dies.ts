/**
 * kill -9 of the gateway under load, after the switch; it starts again on the same data directory. Nothing may be lost;
 * what it cannot know it must list by id.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { idsOf, readMaybeSent } from '../maybe-sent.ts';
import { type Director, type Fault, total } from './fault.ts';

const POLL_MS = 20;
const IN_FLIGHT_LIMIT_MS = 20_000;

export const gatewayDies: Fault = {
  at: { after: 'switch' },
  play: async (director) => {
    await director.timed('fault gateway-dies', () => strike(director));
    return true;
  },
};

async function strike(director: Director): Promise<void> {
  const { stage, around } = director;
  const inFlight = await underLoad(director);
  await stage.load.beginWindow();
  await stage.gatewayProcess.kill();
  const killedAt = performance.now();
  around.progress.line('fault: kill -9 of the gateway');
  director.injected('kill -9 of the gateway, which carried every connection');
  director.injected('messages in flight at that moment', inFlight);
  const connections = await stage.gatewayProcess.start();
  const downMs = performance.now() - killedAt;
  around.progress.line(`gateway serves ${connections} connections again after ${(downMs / 1000).toFixed(1)} s`);
  director.seen(`connections served again, ${(downMs / 1000).toFixed(1)} s after the kill`, connections);
  await director.flow('after the gateway came back');
  const pauses = await stage.load.endWindow();
  director.seen('longest wait of a sender, in ms', Math.round(Math.max(0, ...pauses)));
  await director.caughtUp();
  director.seen('messages that it lists by id as maybe sent', idsOf(await readMaybeSent(stage)).length);
}

/** Resolves when the gateway has messages in its hands. */
async function underLoad(director: Director): Promise<number> {
  const endsAt = performance.now() + IN_FLIGHT_LIMIT_MS;
  for (;;) {
    const inFlight = total(await director.statuses(), (status) => status.inFlight);
    if (inFlight > 0 || performance.now() > endsAt) return inFlight;
    await sleep(POLL_MS, undefined, { signal: director.around.signal });
  }
}
