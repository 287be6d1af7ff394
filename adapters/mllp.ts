/** MLLP for what a verb sends and takes itself, outside the live path: frames 0x0B payload 0x1C 0x0D, bytes as they are. */
import { connect, createServer, type Server, type Socket } from 'node:net';

const START_BLOCK = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);
const FRAME_LIMIT_BYTES = 32 * 1024 * 1024;

/** Calls back with each whole frame's content; bytes between frames are skipped. A frame beyond the limit ends the socket. */
function eachFrame(socket: Socket, onMessage: (message: Buffer) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (let end = pending.indexOf(END); end >= 0; end = pending.indexOf(END)) {
      const start = pending.indexOf(START_BLOCK);
      const message = start >= 0 && start < end ? pending.subarray(start + 1, end) : null;
      pending = pending.subarray(end + END.length);
      if (message !== null) onMessage(message);
    }
    if (pending.length > FRAME_LIMIT_BYTES) socket.destroy();
  });
}

function write(socket: Socket, message: Uint8Array): void {
  socket.write(Buffer.concat([Buffer.from([START_BLOCK]), message, END]));
}

/** A sender that waits for each answer; a lost connection is made again for the next message. */
export class MllpSender {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | null = null;
  #settle: (answer: Buffer | null) => void = () => undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  /** The answer, or null: none came in time, or the connection was lost or refused. */
  async exchange(message: Uint8Array, limitMs: number): Promise<Buffer | null> {
    const answered = new Promise<Buffer | null>((resolve) => {
      this.#settle = resolve;
    });
    const socket = this.#socket ?? this.#connect();
    const timer = setTimeout(() => this.#lost(socket), limitMs);
    write(socket, message);
    const answer = await answered;
    clearTimeout(timer);
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connect(): Socket {
    const socket = connect(this.#port, this.#host);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#lost(socket));
    eachFrame(socket, (answer) => this.#settle(answer));
    this.#socket = socket;
    return socket;
  }

  /** A late answer must never be taken for that of the next message. */
  #lost(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.destroy();
    this.#settle(null);
  }
}

export type MllpListener = { readonly port: number; close(): Promise<void> };

/** `answerTo`: what each message is answered with. @throws what listening throws, EADDRINUSE for example */
export async function listenMllp(
  host: string,
  port: number,
  answerTo: (message: Buffer) => Uint8Array,
): Promise<MllpListener> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    eachFrame(socket, (message) => write(socket, answerTo(message)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
