/**
 * The senders, a process of its own: one stop-and-wait socket a feed. Without a rate each sends as soon as it is answered;
 * with one, latency counts from the moment at which the message was due, so that a stall is charged to all it held up.
 */
import { connect, type Socket } from 'node:net';
import { Frames, Messages } from './message.ts';

export type Order = {
  readonly ports: readonly number[];
  /** First number of each feed, so that no id is used twice. */
  readonly from: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Over all feeds; null: as fast as it goes. */
  readonly perSecond: number | null;
};
export type SenderReport = {
  readonly answered: number;
  readonly measured: number;
  readonly measuredMs: number;
  readonly latenciesUs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** For each sender, the longest time from a message to its answer. */
  readonly longestMs: readonly number[];
  readonly answeredOf: readonly number[];
  readonly problems: readonly string[];
};
export type SenderMessage = { readonly kind: 'measuring' } | { readonly kind: 'done'; readonly report: SenderReport };

type Sender = {
  readonly socket: Socket;
  readonly messages: Messages;
  number: number;
  waitingFor: string | null;
  dueAt: number;
  sentAt: number;
  answered: number;
  longestMs: number;
};

const ANSWER_LIMIT_MS = 20_000;

process.on('message', (order: Order) => {
  run(order).then(
    (report) => tell({ kind: 'done', report }),
    (error: unknown) => {
      process.stderr.write(`sender: ${String(error)}\n`);
      process.exit(1);
    },
  );
});

function tell(message: SenderMessage): void {
  process.send?.(message);
}

async function run(order: Order): Promise<SenderReport> {
  const problems: string[] = [];
  const latencies: number[] = [];
  let phase: 'warming' | 'measuring' | 'ending' = 'warming';
  const intervalMs = order.perSecond === null ? 0 : (order.ports.length * 1000) / order.perSecond;
  const senders: Sender[] = [];
  const send = (sender: Sender): void => {
    sender.waitingFor = sender.messages.id(sender.number);
    sender.sentAt = performance.now();
    sender.socket.write(sender.messages.frame(sender.number));
    sender.number += 1;
  };
  const answered = (sender: Sender, frame: Buffer): void => {
    if (sender.waitingFor === null || frame.indexOf(`MSA|AA|${sender.waitingFor}`, 0, 'latin1') < 0) {
      problems.push('an answer that belongs to nothing');
      return;
    }
    const now = performance.now();
    const since = intervalMs === 0 ? sender.sentAt : sender.dueAt;
    sender.waitingFor = null;
    sender.answered += 1;
    if (phase === 'measuring') {
      latencies.push(now - since);
      sender.longestMs = Math.max(sender.longestMs, now - sender.sentAt);
    }
    if (phase === 'ending') return;
    sender.dueAt = intervalMs === 0 ? now : sender.dueAt + intervalMs;
    if (intervalMs === 0) send(sender);
  };
  for (const [feed, port] of order.ports.entries()) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const messages = new Messages(feed);
    const base = { number: order.from, waitingFor: null, dueAt: 0, sentAt: 0, answered: 0, longestMs: 0 };
    const sender: Sender = { socket, messages, ...base };
    const frames = new Frames();
    socket.on('data', (chunk) => {
      for (const frame of frames.of(chunk)) answered(sender, frame);
    });
    socket.on('error', (error) => problems.push(error.message));
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve);
      socket.once('close', resolve);
    });
    senders.push(sender);
  }
  const began = performance.now();
  for (const [index, sender] of senders.entries()) {
    sender.dueAt = began + (index * intervalMs) / senders.length;
    if (intervalMs === 0) send(sender);
  }
  const ticker =
    intervalMs === 0
      ? null
      : setInterval(() => {
          const now = performance.now();
          for (const sender of senders) if (sender.waitingFor === null && sender.dueAt <= now) send(sender);
        }, 1);
  await sleep(order.warmUpMs);
  phase = 'measuring';
  tell({ kind: 'measuring' });
  const measuringSince = performance.now();
  await sleep(order.measureMs);
  phase = 'ending';
  const measuredMs = performance.now() - measuringSince;
  if (ticker !== null) clearInterval(ticker);
  const limit = performance.now() + ANSWER_LIMIT_MS;
  while (senders.some(({ waitingFor }) => waitingFor !== null) && performance.now() < limit) await sleep(5);
  const open = senders.filter(({ waitingFor }) => waitingFor !== null).length;
  if (open > 0) problems.push(`${open} messages without an answer`);
  for (const { socket } of senders) socket.destroy();
  return {
    answered: senders.reduce((sum, sender) => sum + sender.answered, 0),
    measured: latencies.length,
    measuredMs,
    latenciesUs: quantiles(latencies),
    longestMs: senders.map(({ longestMs }) => longestMs),
    answeredOf: senders.map((sender) => sender.answered),
    problems: [...new Set(problems)],
  };
}

function quantiles(latenciesMs: number[]): SenderReport['latenciesUs'] {
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(1000 * (latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
