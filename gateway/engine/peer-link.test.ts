/** How long a peer may take to answer: each message has its own time, however many were answered before it. */
import { expect, test } from 'vitest';
import { STANDARD_FRAMING } from '../../core/inventory.ts';
import { NOTHING } from '../checkpoint/compactor.ts';
import { framed } from '../framing.ts';
import { type Delivery, PeerLink } from './peer-link.ts';
import { Runtime } from './runtime.ts';

const TIMEOUT_MS = 1000;
const SOCKET = 2;
const LIMIT = 1 << 20;

function site() {
  const armed = new Map<number, number>();
  const ends: string[] = [];
  const counts = { armed: 0 };
  const fx = {
    ...NOTHING,
    arm(timer: number, atMs: number): void {
      counts.armed += 1;
      armed.set(timer, atMs);
    },
    disarm: (timer: number): void => void armed.delete(timer),
  };
  const runtime = new Runtime(fx, { budgetBytes: LIMIT, frameBytes: LIMIT }, { connection: LIMIT, shard: LIMIT });
  const peer = {
    host: 'h',
    port: 1,
    framing: STANDARD_FRAMING,
    answer: null,
    answerTimeoutMs: null,
    isOneMessagePerConnection: false,
    tls: null,
    sourceAddress: null,
  };
  const link = new PeerLink({
    name: 'p',
    peer,
    runtime,
    frameLimitBytes: LIMIT,
    onStray: () => ends.push('stray'),
    isOfAnother: () => false,
  });
  const deliver = (msh10: string, timeoutMs = TIMEOUT_MS): void => {
    const delivery: Delivery = {
      frame: { payload: Buffer.from(`MSH|^~\\&|||||||ORU|${msh10}\r`) },
      msh10,
      timeoutMs,
      answered: () => ends.push(`${msh10} answered at ${runtime.now}`),
      lost: (cause) => ends.push(`${msh10} ${cause} at ${runtime.now}`),
    };
    link.deliver(delivery);
    if (runtime.sockets.has(SOCKET)) link.connected();
  };
  const answer = (msh10: string): void =>
    link.bytes(
      SOCKET,
      Buffer.from(framed({ payload: Buffer.from(`MSH|^~\\&|\rMSA|AA|${msh10}\r`) }, STANDARD_FRAMING)),
    );
  /** Time passes, and what is due fires when it is due. */
  const until = (ms: number): void => {
    for (;;) {
      const [next] = [...armed].filter(([, at]) => at <= ms).sort(([, a], [, b]) => a - b);
      if (next === undefined) break;
      runtime.now = Math.max(runtime.now, next[1]);
      armed.delete(next[0]);
      runtime.timerFired(next[0]);
    }
    runtime.now = ms;
  };
  return { runtime, armed, ends, counts, deliver, answer, until };
}

test('a message that follows others has its whole time, and not more', () => {
  const { ends, deliver, answer, until } = site();
  deliver('A');
  until(10);
  answer('A');
  until(900);
  deliver('B');
  until(1899);
  expect(ends).toEqual(['A answered at 10']);
  until(5000);
  expect(ends).toEqual(['A answered at 10', 'B timeout at 1900']);
});

test('a message with less time than the one before it is not given the time of that', () => {
  const { ends, deliver, answer, until } = site();
  deliver('A', 10 * TIMEOUT_MS);
  answer('A');
  deliver('B');
  until(20 * TIMEOUT_MS);
  expect(ends).toEqual(['A answered at 0', `B timeout at ${TIMEOUT_MS}`]);
});

test.each([
  -3_600_000, 3_600_000,
])('a clock that is set by %d ms ends no wait early, and none goes on for long', (byMs) => {
  const { runtime, armed, ends, deliver, answer } = site();
  const fire = (): void => {
    const [timer = 0] = armed.keys();
    armed.delete(timer);
    runtime.timerFired(timer);
  };
  runtime.now = 10_000_000;
  deliver('A');
  answer('A');
  runtime.now += TIMEOUT_MS - 1;
  deliver('B');
  runtime.now += byMs;
  fire();
  expect(ends).toHaveLength(1);
  expect(armed.size).toBe(1);
  fire();
  expect(ends).toHaveLength(2);
});

test('many quick answers take one timer, and a link that is idle has none in the end', () => {
  const { armed, counts, ends, deliver, answer, until } = site();
  for (let index = 0; index < 500; index++) {
    until(index);
    deliver(`M${index}`);
    answer(`M${index}`);
  }
  expect(counts.armed).toBe(1);
  until(10 * TIMEOUT_MS);
  expect(armed.size).toBe(0);
  expect(ends).toHaveLength(500);
});
