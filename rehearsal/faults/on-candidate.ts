/** Something goes wrong on the new platform while it is the candidate, then it recovers: senders must not notice. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionStatus, Counters } from '../../core/admin-api.ts';
import type { PartyFault } from '../parties/protocol.ts';
import { type Director, type Fault, total } from './fault.ts';

type CandidateFault = 'drift' | 'slow' | 'nak' | 'drop' | 'duplicate' | 'candidate-down';

/** So that a fault of every third or fourth message strikes each connection several times. */
const MESSAGES_UNDER_FAULT = 16;
const WATCH_MS = 500;

export function onCandidate(name: CandidateFault): Fault {
  return {
    at: { after: 'parallel' },
    play: async (director) => {
      await director.timed(`fault ${name}`, () => strike(director, name));
      return true;
    },
  };
}

async function strike(director: Director, name: CandidateFault): Promise<void> {
  const { stage, around } = director;
  const partyFault: PartyFault = name === 'candidate-down' ? 'down' : name;
  const struckBefore = (await stage.load.traffic()).struck;
  const before = await director.statuses();
  const startedAt = performance.now();
  around.progress.line(`fault: ${name} on the new platform`);
  await stage.load.setFault('new', partyFault, true);
  const watch = watchLag(director);
  await director.flow(`with ${name}`, MESSAGES_UNDER_FAULT);
  await stage.load.setFault('new', partyFault, false);
  const lastedMs = performance.now() - startedAt;
  around.progress.line(`fault: ${name} is over`);
  const caughtUpMs = await director.caughtUp();
  const furthestBehind = await watch.end();
  const struck = (await stage.load.traffic()).struck - struckBefore;
  const after = await director.statuses();
  note(director, name, { struck, lastedMs, furthestBehind, caughtUpMs, grown: (read) => grownBy(before, after, read) });
  await director.flow(`after ${name}`);
}

type Notes = {
  readonly struck: number;
  readonly lastedMs: number;
  readonly furthestBehind: number;
  readonly caughtUpMs: number;
  readonly grown: (counter: keyof Counters) => number;
};

function note(director: Director, name: CandidateFault, notes: Notes): void {
  const { struck, lastedMs, furthestBehind, caughtUpMs, grown } = notes;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const over = `on the new platform, for ${seconds(lastedMs)}`;
  const shadowed = 'messages that the gateway copied to the new platform meanwhile';
  const captured = 'outputs that it captured of them';
  switch (name) {
    case 'drift':
      director.injected(`messages whose meaning changed ${over}`, struck);
      director.seen('outputs captured and not delivered, these among them', grown('captured'));
      director.seen('which of them differ is for the comparison to say; nothing of it reached a destination');
      break;
    case 'slow':
      director.injected(`messages delayed ${over}`, struck);
      director.seen('messages that its copy was behind at most', furthestBehind);
      director.seen(`caught up ${seconds(caughtUpMs)} after it was over`);
      break;
    case 'nak':
      director.injected(`messages refused ${over}`, struck);
      director.seen(
        'rejected copies on the records of the connections (one on a shared feed is on the record of each)',
        grown('shadowRejected'),
      );
      if (grown('shadowRejected') < struck)
        director.wrong('the gateway recorded fewer rejected copies than there were');
      break;
    case 'drop':
      director.injected(`messages swallowed ${over}`, struck);
      director.seen(shadowed, grown('shadowed'));
      director.seen(captured, grown('captured'));
      break;
    case 'duplicate':
      director.injected(`messages sent on twice ${over}`, struck);
      director.seen(shadowed, grown('shadowed'));
      director.seen(captured, grown('captured'));
      break;
    case 'candidate-down':
      director.injected(`no listener and no socket ${over}`);
      director.seen('messages that its copy was behind at most', furthestBehind);
      director.seen(`caught up ${seconds(caughtUpMs)} after it was back`);
      if (furthestBehind === 0) director.wrong('the gateway never showed that the new platform was behind');
      break;
  }
}

function grownBy(
  before: readonly ConnectionStatus[],
  after: readonly ConnectionStatus[],
  counter: keyof Counters,
): number {
  return total(after, ({ counters }) => counters[counter]) - total(before, ({ counters }) => counters[counter]);
}

/** The most messages that the copies were behind, all connections together. */
function watchLag(director: Director): { end(): Promise<number> } {
  let most = 0;
  let goesOn = true;
  const watching = (async (): Promise<void> => {
    while (goesOn && !director.around.signal.aborted) {
      most = Math.max(
        most,
        total(await director.statuses(), ({ shadowLag }) => shadowLag),
      );
      await sleep(WATCH_MS, undefined, { signal: director.around.signal });
    }
  })();
  // Awaited at the end; an interruption meanwhile must not find it unhandled.
  watching.catch(() => undefined);
  return {
    end: async () => {
      goesOn = false;
      await watching;
      return most;
    },
  };
}
