/** Moves of every connection at once through the admin API. */
import { type GatewayProcess, nameOf } from './gateway-process.ts';

export type Move = {
  readonly phase: 'parallel' | 'switched';
  readonly expectedEpoch: number;
  /** A move towards legacy needs one. */
  readonly reason?: string;
};
export type Moved = {
  /** From the first request to the last answer. */
  readonly wallMs: number;
  readonly slowestMs: number;
  /** Of each that was refused or given up in time, why. */
  readonly refused: readonly string[];
};

const MOVES_AT_ONCE = 250;
const DEADLINE_MS = 60_000;

export async function moveAll(gateway: GatewayProcess, feeds: number, move: Move): Promise<Moved> {
  const walls: number[] = [];
  const refused: string[] = [];
  const waiting = Array.from({ length: feeds }, (_, index) => index);
  const worker = async (): Promise<void> => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      const began = performance.now();
      const requestId = `bench-${move.phase}-${move.expectedEpoch}-${index}`;
      const moved = await gateway.admin.move(nameOf(index), { ...move, requestId, deadlineMs: DEADLINE_MS });
      if (!moved.ok) refused.push(`${nameOf(index)}: ${moved.error.message}`);
      else if (moved.value.aborted === true) refused.push(`${nameOf(index)}: ${moved.value.reason}`);
      walls.push(performance.now() - began);
    }
  };
  // As the verbs do: a sender would otherwise wait for the handshakes of a whole wave too.
  await gateway.admin.prepareMoves(feeds);
  const began = performance.now();
  await Promise.all(Array.from({ length: Math.min(feeds, MOVES_AT_ONCE) }, worker));
  return { wallMs: performance.now() - began, slowestMs: Math.max(...walls), refused };
}
