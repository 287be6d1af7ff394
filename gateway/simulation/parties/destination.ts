/** A destination: takes what comes, in order, and remembers which platform made it; rejects or is late now and then. */
import { fieldText } from '../../../core/hl7/message.ts';
import { STANDARD_FRAMING } from '../../../core/inventory.ts';
import { framed } from '../../framing.ts';
import { keyInMessage, serialOf, type Witness } from '../judges/witness.ts';
import type { Handlers, Network, Wire } from '../network.ts';
import type { World } from '../world.ts';
import { frameReader } from './mllp.ts';

export type DestinationHabits = {
  /** Probabilities, per message. */
  readonly rejects: number;
  readonly slow: number;
  /** Of answering after the gateway has given up. */
  readonly late: number;
  readonly doublesAnswer: number;
};

export type Received = { readonly id: string; readonly from: string; readonly key: string; readonly sha: string };

const SLOW_MS = 300;
const DRAG_FROM_MS = 60;
const DRAG_SPAN_MS = 240;
const LATE_FROM_MS = 3100;
const LATE_SPAN_MS = 1500;

/** What the destination of one connection has got. */
export class Destination {
  readonly received: Received[] = [];
  readonly rejected = new Set<string>();
  /** Until then its answers take a while, so that outputs are under way. */
  dragsUntilMs = 0;
}

export type DestinationEvents = {
  /** Whose message it is, where several connections have this destination. */
  of(payload: Buffer): Destination;
  received(payload: Buffer): void;
  rejected(): void;
  /** The gateway has a connection to it already. */
  connectedTwice(): void;
};

export function openDestination(
  world: World,
  network: Network,
  witness: Witness,
  { port, habits }: { readonly port: number; readonly habits: DestinationHabits },
  events: DestinationEvents,
): void {
  let last: Wire | null = null;
  const answer = (wire: Wire, payload: Buffer): void => {
    const destination = events.of(payload);
    const receivedAtMs = world.now;
    events.received(payload);
    const isRejected = world.chance(habits.rejects);
    const id = serialOf(payload);
    const sha = witness.message(payload);
    if (isRejected) destination.rejected.add(id);
    else destination.received.push({ id, from: fieldText(payload, 'MSH-3') ?? '', key: keyInMessage(payload), sha });
    const lateMs = world.chance(habits.late)
      ? LATE_FROM_MS + world.roll(LATE_SPAN_MS)
      : world.roll(world.chance(habits.slow) ? SLOW_MS : 5) + dragMs(world, destination);
    world.after(lateMs, () => {
      const code = isRejected ? 'AE' : 'AA';
      const bytes = witness.answer(payload, 'destination', code, receivedAtMs, world.now);
      wire.send(framed({ payload: bytes }, STANDARD_FRAMING));
      if (isRejected) events.rejected();
      if (isRejected || !world.chance(habits.doublesAnswer)) return;
      world.after(world.roll(30), () => wire.send(framed({ payload: bytes }, STANDARD_FRAMING)));
    });
  };
  network.listen(port, (wire): Handlers => {
    // What the gateway has closed may not be known here yet.
    if (last?.isOpen === true && last.peer?.isOpen === true) events.connectedTwice();
    last = wire;
    return { data: frameReader((payload) => answer(wire, payload)), closed: () => {} };
  });
}

function dragMs(world: World, { dragsUntilMs }: Destination): number {
  return world.now < dragsUntilMs ? DRAG_FROM_MS + world.roll(DRAG_SPAN_MS) : 0;
}
