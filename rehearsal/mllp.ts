/**
 * MLLP as the parties speak it (frame: 0x0B payload 0x1C 0x0D). Their own, on purpose: what counts the gateway's
 * messages must not share its code.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

const START_BLOCK = 0x0b;
const END_BLOCK = 0x1c;
const CARRIAGE_RETURN = 0x0d;
const LOOPBACK = '127.0.0.1';
const FRAME_LIMIT_BYTES = 33_554_432;
const CONNECT_TIMEOUT_MS = 5000;

export function frame(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(message.length + 3);
  bytes[0] = START_BLOCK;
  message.copy(bytes, 1);
  bytes[message.length + 1] = END_BLOCK;
  bytes[message.length + 2] = CARRIAGE_RETURN;
  return bytes;
}

/** Collects chunks into messages. Bytes outside a frame are skipped. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      const start = bytes.indexOf(START_BLOCK);
      if (start < 0) {
        bytes = Buffer.alloc(0);
        break;
      }
      const end = endOfFrame(bytes, start + 1);
      if (end < 0) {
        bytes = bytes.subarray(start);
        break;
      }
      messages.push(bytes.subarray(start + 1, end));
      bytes = bytes.subarray(end + 2);
    }
    if (bytes.length > FRAME_LIMIT_BYTES) throw new RangeError(`a frame is longer than ${FRAME_LIMIT_BYTES} bytes`);
    this.#pending = bytes;
    return messages;
  }
}

function endOfFrame(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(END_BLOCK, from);
  while (at >= 0 && bytes[at + 1] !== CARRIAGE_RETURN) {
    if (at + 1 >= bytes.length) return -1;
    at = bytes.indexOf(END_BLOCK, at + 1);
  }
  return at;
}

export type Outcome =
  | { readonly kind: 'answer'; readonly bytes: Buffer }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'unreachable' };

/**
 * A sender that stops and waits: one message at a time on a socket that stays open. After a time-out the socket is
 * closed, so that a late answer can never be taken for that of the next message.
 */
export class MllpClient {
  readonly #port: number;
  /** True: the frame is no answer to what is waited for, and has been dealt with. */
  readonly #isOther: (frame: Buffer) => boolean;
  #socket: Socket | null = null;
  #settle: ((outcome: Outcome) => void) | null = null;
  /** Frames that came while nothing was waited for. */
  strayFrames = 0;

  constructor(port: number, isOther: (frame: Buffer) => boolean = () => false) {
    this.#port = port;
    this.#isOther = isOther;
  }

  async exchange(message: Buffer, answerTimeoutMs: number): Promise<Outcome> {
    if (this.#settle !== null) throw new Error('an exchange is under way on this socket');
    const socket = this.#socket ?? (await this.#open());
    if (socket === null) return { kind: 'unreachable' };
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#settle?.({ kind: 'timeout' });
        this.close();
      }, answerTimeoutMs);
      this.#settle = (outcome) => {
        clearTimeout(timer);
        this.#settle = null;
        resolve(outcome);
      };
      socket.write(frame(message));
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
    this.#settle?.({ kind: 'lost' });
  }

  #open(): Promise<Socket | null> {
    return new Promise((resolve) => {
      const socket = connect({ host: LOOPBACK, port: this.#port, noDelay: true });
      const reader = new FrameReader();
      socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
      socket.once('connect', () => {
        socket.setTimeout(0);
        this.#socket = socket;
        resolve(socket);
      });
      socket.on('data', (chunk: Buffer) => {
        for (const bytes of reader.push(chunk)) {
          if (this.#isOther(bytes)) continue;
          if (this.#settle === null) this.strayFrames++;
          else this.#settle({ kind: 'answer', bytes });
        }
      });
      // 'close' follows every error and says all that is needed here.
      socket.on('error', () => undefined);
      socket.once('close', () => {
        resolve(null);
        if (this.#socket !== socket) return;
        this.#socket = null;
        this.#settle?.({ kind: 'lost' });
      });
    });
  }
}

export type Answering = (answer: Buffer) => void;
export type MllpServer = { readonly port: number; dropSockets(): void; close(): Promise<void> };

/** Listens on the loopback; port 0 takes a free one. `answer` after the peer has gone does nothing. */
export async function listenMllp(
  port: number,
  onMessage: (message: Buffer, answer: Answering) => void,
): Promise<MllpServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    const reader = new FrameReader();
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)) {
        onMessage(message, (answer) => {
          if (socket.writable) socket.write(frame(answer));
        });
      }
    });
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await listening(server, port);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address');
  const dropSockets = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    dropSockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        dropSockets();
      }),
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: LOOPBACK }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
