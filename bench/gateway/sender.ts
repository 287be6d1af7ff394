/**
 * The senders, a process of its own: one stop-and-wait socket a feed, from `start` to `stop`. Without a rate each sends as
 * soon as it is answered; with one, latency counts from the moment at which the message was due, so that a stall is
 * charged to all it held up. What is measured is what is sent, or due, while a window is open.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies } from './latencies.ts';
import { Frames, Messages } from './message.ts';

export type LoadOptions = {
  readonly ports: readonly number[];
  /** First number of each feed, so that no id is used twice. */
  readonly from: number;
  /** Over all feeds; null: as fast as it goes. */
  readonly perSecond: number | null;
};
export type SenderRequest =
  | { readonly kind: 'start'; readonly options: LoadOptions }
  /** `withWaiting`: also the messages that are in flight when it opens. */
  | { readonly kind: 'open'; readonly withWaiting: boolean }
  | { readonly kind: 'close' }
  /** Until what the start has held up is worked off, within a limit. */
  | { readonly kind: 'catch-up' }
  | { readonly kind: 'stop' };
export type WindowReport = {
  readonly lastedMs: number;
  /** See latencies.ts. */
  readonly counts: readonly number[];
  /** For each sender, the longest time from one of these messages to its answer. */
  readonly longestMs: readonly number[];
};
export type LoadReport = { readonly answered: number; readonly problems: readonly string[] };
export type SenderReply =
  | { readonly kind: 'started' }
  | { readonly kind: 'opened'; readonly waiting: number }
  | { readonly kind: 'closed'; readonly report: WindowReport }
  | { readonly kind: 'caught-up' }
  | { readonly kind: 'stopped'; readonly report: LoadReport };

type Sender = {
  readonly index: number;
  readonly socket: Socket;
  readonly messages: Messages;
  number: number;
  waitingFor: string | null;
  dueAt: number;
  sentAt: number;
};
type Window = {
  readonly openedAt: number;
  readonly withWaiting: boolean;
  closedAt: number;
  readonly latencies: Latencies;
  readonly longestMs: number[];
};

const ANSWER_LIMIT_MS = 20_000;
const LOOK_MS = 2;
const CATCH_UP_LIMIT_MS = 30_000;
const LATE_MS = 200;

const senders: Sender[] = [];
const problems = new Set<string>();
let intervalMs = 0;
let answeredCount = 0;
let isEnding = false;
let ticker: NodeJS.Timeout | null = null;
let window: Window | null = null;

process.on('message', (request: SenderRequest) => {
  handle(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      process.stderr.write(`sender: ${String(error)}\n`);
      process.exit(1);
    },
  );
});

async function handle(request: SenderRequest): Promise<SenderReply> {
  switch (request.kind) {
    case 'start':
      await start(request.options);
      return { kind: 'started' };
    case 'open':
      open(request.withWaiting);
      return { kind: 'opened', waiting: senders.filter(isWaiting).length };
    case 'close':
      return { kind: 'closed', report: await close() };
    case 'catch-up':
      await untilOnTime();
      return { kind: 'caught-up' };
    case 'stop':
      return { kind: 'stopped', report: await stop() };
  }
}

async function start({ ports, from, perSecond }: LoadOptions): Promise<void> {
  intervalMs = perSecond === null ? 0 : (ports.length * 1000) / perSecond;
  for (const [index, port] of ports.entries()) senders.push(await connected(index, port, from));
  const began = performance.now();
  for (const sender of senders) {
    sender.dueAt = began + (sender.index * intervalMs) / senders.length;
    if (intervalMs === 0) send(sender);
  }
  if (intervalMs > 0) ticker = setInterval(sendWhatIsDue, 1);
}

async function connected(index: number, port: number, number: number): Promise<Sender> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const sender: Sender = {
    index,
    socket,
    messages: new Messages(index),
    number,
    waitingFor: null,
    dueAt: 0,
    sentAt: 0,
  };
  const frames = new Frames();
  socket.on('data', (chunk) => {
    for (const frame of frames.of(chunk)) answered(sender, frame);
  });
  socket.on('error', (error) => problems.add(error.message));
  socket.on('close', () => {
    if (!isEnding) problems.add('a socket was closed');
  });
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  return sender;
}

function sendWhatIsDue(): void {
  const now = performance.now();
  for (const sender of senders) if (sender.waitingFor === null && sender.dueAt <= now) send(sender);
}

function send(sender: Sender): void {
  sender.waitingFor = sender.messages.id(sender.number);
  sender.sentAt = performance.now();
  if (intervalMs === 0) sender.dueAt = sender.sentAt;
  sender.socket.write(sender.messages.frame(sender.number));
  sender.number += 1;
}

function answered(sender: Sender, frame: Buffer): void {
  if (sender.waitingFor === null || frame.indexOf(`MSA|AA|${sender.waitingFor}`, 0, 'latin1') < 0) {
    problems.add('an answer that belongs to nothing');
    return;
  }
  sender.waitingFor = null;
  answeredCount += 1;
  const now = performance.now();
  if (window !== null) note(window, sender, now);
  sender.dueAt += intervalMs;
  // Without a rate always, and with one where it is behind: the ticker alone would let no sender send more often than it ticks.
  if (!isEnding && sender.dueAt <= now) send(sender);
}

function note(one: Window, sender: Sender, now: number): void {
  if (sender.dueAt >= one.closedAt) return;
  if (sender.dueAt < one.openedAt && !one.withWaiting) return;
  one.latencies.note(now - sender.dueAt);
  one.longestMs[sender.index] = Math.max(one.longestMs[sender.index] ?? 0, now - sender.sentAt);
}

function open(withWaiting: boolean): void {
  window = {
    openedAt: performance.now(),
    withWaiting,
    closedAt: Number.POSITIVE_INFINITY,
    latencies: new Latencies(),
    longestMs: senders.map(() => 0),
  };
}

/** Once all that was sent, or due, before now has its answer. */
async function close(): Promise<WindowReport> {
  if (window === null) throw new Error('no window is open');
  const closing = window;
  closing.closedAt = performance.now();
  // With a rate, what was due and is not sent yet is still to come.
  const isOpen = (sender: Sender): boolean =>
    sender.dueAt < closing.closedAt && (sender.waitingFor !== null || intervalMs > 0);
  await untilNone(isOpen);
  window = null;
  const { openedAt, closedAt, latencies, longestMs } = closing;
  return { lastedMs: closedAt - openedAt, counts: latencies.counts, longestMs };
}

/** With a rate no sender is far behind with what was due; without one nothing is ever due. */
async function untilOnTime(): Promise<void> {
  const limit = performance.now() + CATCH_UP_LIMIT_MS;
  const isLate = ({ dueAt }: Sender): boolean => performance.now() - dueAt > LATE_MS;
  while (intervalMs > 0 && senders.some(isLate) && performance.now() < limit) await sleep(LOOK_MS);
}

async function stop(): Promise<LoadReport> {
  isEnding = true;
  if (ticker !== null) clearInterval(ticker);
  await untilNone(isWaiting);
  for (const { socket } of senders) socket.destroy();
  return { answered: answeredCount, problems: [...problems] };
}

function isWaiting({ waitingFor }: Sender): boolean {
  return waitingFor !== null;
}

async function untilNone(isOpen: (sender: Sender) => boolean): Promise<void> {
  const limit = performance.now() + ANSWER_LIMIT_MS;
  while (senders.some(isOpen)) {
    if (performance.now() > limit) {
      problems.add(`${senders.filter(isOpen).length} messages without an answer`);
      return;
    }
    await sleep(LOOK_MS);
  }
}
