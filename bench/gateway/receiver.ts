/**
 * The receiving side, a process of its own: it answers each message and remembers, per feed, which numbers came, so that
 * lost, doubled and reordered ones are counted outside of what is measured. As a platform it first sends the same message
 * to its leg and answers when the leg has: so each message passes the gateway as often as in a parallel run.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { answerTo, Frames, nameOf } from './message.ts';

export type ReceiverOptions = {
  readonly feeds: number;
  /** Ports of the legs that it sends its outputs to, one a feed; null: it only answers. */
  readonly legs: readonly number[] | null;
};
/** How it behaves from now on. `slow` answers late, `sluggish` reads a piece a second, `mute` reads and says nothing. */
export type Mood = 'well' | 'slow' | 'sluggish' | 'mute' | 'refusing';
export type ReceiverRequest =
  | { readonly kind: 'listen'; readonly options: ReceiverOptions }
  | { readonly kind: 'behave'; readonly mood: Mood }
  /** How long it takes for each answer from now on. */
  | { readonly kind: 'take'; readonly answerMs: number }
  | { readonly kind: 'count' };
export type Count = {
  readonly received: number;
  readonly unique: number;
  readonly doubled: number;
  readonly reordered: number;
  readonly foreign: number;
};
export type ReceiverReply =
  | { readonly kind: 'listening'; readonly ports: readonly number[] }
  | { readonly kind: 'behaving' }
  | { readonly kind: 'counted'; readonly count: Count };

/** Of one that is slow, before each answer. */
const SLOW_MS = 3000;
/** Of one that is sluggish, after each piece that it has read. */
const SLUGGISH_MS = 1000;

const listeners: { readonly server: Server; readonly port: number }[] = [];
const sockets = new Set<Socket>();
let mood: Mood = 'well';
let answerMs = 0;

let newest: number[] = [];
let count = { received: 0, unique: 0, doubled: 0, reordered: 0, foreign: 0 };

process.on('message', async (request: ReceiverRequest) => {
  switch (request.kind) {
    case 'listen':
      tell({ kind: 'listening', ports: await listen(request.options) });
      return;
    case 'behave':
      await behave(request.mood);
      tell({ kind: 'behaving' });
      return;
    case 'take':
      answerMs = request.answerMs;
      tell({ kind: 'behaving' });
      return;
    case 'count':
      tell({ kind: 'counted', count });
      count = { received: 0, unique: 0, doubled: 0, reordered: 0, foreign: 0 };
      newest = [];
  }
});

function tell(reply: ReceiverReply): void {
  process.send?.(reply);
}

async function listen({ feeds, legs }: ReceiverOptions): Promise<number[]> {
  const ports: number[] = [];
  for (let feed = 0; feed < feeds; feed++) {
    const leg = legs?.[feed] ?? null;
    const out = leg === null ? null : new Output(leg);
    const server = createServer({ noDelay: true }, (socket) => serve(socket, feed, out));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    listeners.push({ server, port });
    ports.push(port);
  }
  return ports;
}

async function behave(next: Mood): Promise<void> {
  const wasClosed = mood === 'refusing';
  mood = next;
  for (const { server, port } of listeners) {
    if (next === 'refusing' && !wasClosed) server.close();
    if (next !== 'refusing' && wasClosed) {
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    }
  }
  // What was swallowed is never answered: whoever is connected connects again.
  if (next === 'refusing' || next === 'well') for (const socket of sockets) socket.destroy();
}

function serve(socket: Socket, feed: number, out: Output | null): void {
  const frames = new Frames();
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    if (mood === 'mute') return;
    if (mood === 'sluggish') {
      socket.pause();
      setTimeout(() => socket.resume(), SLUGGISH_MS);
    }
    for (const frame of frames.of(chunk)) {
      note(frame, feed);
      // The frame is a view of what is overwritten by what comes next.
      const reply = answerTo(frame);
      const answer = (): void => void socket.write(reply);
      const late = (): void => after(mood === 'slow' ? SLOW_MS : answerMs, answer);
      if (out === null) late();
      else out.send(frame, late);
    }
  });
}

function after(ms: number, run: () => void): void {
  if (ms === 0) run();
  else setTimeout(run, ms);
}

/** Numbers of a feed come in order and once: then the newest is all that must be remembered. */
function note(frame: Buffer, feed: number): void {
  count.received += 1;
  const name = nameOf(frame);
  if (name === null || name.feed !== feed) {
    count.foreign += 1;
    return;
  }
  const last = newest[feed];
  if (last === undefined || name.number === last + 1) {
    newest[feed] = name.number;
    count.unique += 1;
    return;
  }
  if (name.number <= last) count.doubled += 1;
  else {
    count.reordered += 1;
    count.unique += 1;
    newest[feed] = name.number;
  }
}

/** What a platform sends to a leg: one unanswered message at a time. */
class Output {
  readonly #port: number;
  #socket: Socket | null = null;
  readonly #waiting: { readonly frame: Buffer; readonly done: () => void }[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  send(frame: Buffer, done: () => void): void {
    this.#waiting.push({ frame: Buffer.from(frame), done });
    if (this.#waiting.length === 1) this.#write();
  }

  #write(): void {
    const [next] = this.#waiting;
    if (next !== undefined) this.#connected().write(next.frame);
  }

  #connected(): Socket {
    if (this.#socket !== null) return this.#socket;
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    const frames = new Frames();
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const _answer of frames.of(chunk)) {
        this.#waiting.shift()?.done();
        this.#write();
      }
    });
    this.#socket = socket;
    return socket;
  }
}
