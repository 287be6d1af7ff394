/**
 * The smallest estate that carries messages: platforms that answer at storage and send every message on to their leg,
 * and a destination that answers and counts. Real sockets on free ports; one message at a time, as senders do.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { eachFrame, frame } from './mllp-frames.ts';

export type Parties = {
  readonly ports: { readonly legacy: number; readonly new: number; readonly destination: number };
  /** MSH-10 of what the destination got, in order. */
  readonly delivered: string[];
  /** As a platform that is stopped: nobody listens, and what it had taken it sends on when it is back. */
  down(platform: 'legacy' | 'new'): Promise<void>;
  up(platform: 'legacy' | 'new'): Promise<void>;
  /** From now on everybody takes that long to answer, so that whoever waits for answers can be seen waiting. */
  answerAfter(ms: number): void;
  /** Sends one message to the feed and gives back the code of its answer. */
  send(feedPort: number, id: string): Promise<string>;
  stop(): Promise<void>;
};

type EachPlatform<T> = { readonly legacy: T; readonly new: T };
/** Null: it takes the message, and sends nothing on. */
type Mapping = (message: string) => string | null;

/** `legs`: where each platform sends its output; `mappings`: what each makes of a message (as it is, by default). */
export async function startParties(
  legs: EachPlatform<number>,
  mappings: EachPlatform<Mapping> = { legacy: (message) => message, new: (message) => message },
): Promise<Parties> {
  const delivered: string[] = [];
  let isOver = false;
  let answerAfterMs = 0;
  const sockets = new Set<Socket>();
  const own = new Map<number, { server: Server; readonly sockets: Set<Socket>; readonly make: () => Server }>();
  const listen = async (onMessage: (message: string) => void): Promise<number> => {
    const ownSockets = new Set<Socket>();
    const make = (): Server =>
      createServer((socket) => {
        sockets.add(socket);
        ownSockets.add(socket);
        socket.on('error', () => undefined);
        eachFrame(socket, (message) => {
          onMessage(message);
          const answer = frame(answerTo(message));
          if (answerAfterMs === 0) socket.write(answer);
          else setTimeout(() => socket.write(answer), answerAfterMs);
        });
      });
    const server = make();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    own.set(address.port, { server, sockets: ownSockets, make });
    return address.port;
  };
  const platform = (leg: number, mapping: Mapping): Promise<number> => {
    let previous: Promise<unknown> = Promise.resolve();
    return listen((message) => {
      const output = mapping(message);
      if (output !== null) previous = previous.then(() => untilAnswered(leg, output, sockets, () => isOver));
    });
  };
  const ports = {
    legacy: await platform(legs.legacy, mappings.legacy),
    new: await platform(legs.new, mappings.new),
    destination: await listen((message) => void delivered.push(idOf(message))),
  };
  return {
    ports,
    delivered,
    down: async (platform) => {
      const one = own.get(ports[platform]);
      for (const socket of one?.sockets ?? []) socket.destroy();
      await new Promise((resolve) => one?.server.close(resolve));
    },
    up: async (platform) => {
      const one = own.get(ports[platform]);
      if (one === undefined) throw new Error(`there is no ${platform}`);
      one.server = one.make();
      one.server.listen(ports[platform], '127.0.0.1');
      await once(one.server, 'listening');
    },
    answerAfter: (ms) => {
      answerAfterMs = ms;
    },
    send: async (feedPort, id) => {
      const answer = await exchange(feedPort, order(id), sockets);
      return /\rMSA\|([A-Z]{2})/.exec(answer)?.[1] ?? 'none';
    },
    stop: async () => {
      isOver = true;
      for (const socket of sockets) socket.destroy();
      await Promise.all([...own.values()].map(({ server }) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

export type Sender = {
  /** Of the messages that were answered AA, in order. */
  readonly accepted: readonly string[];
  /** Ends after the message under way. */
  stop(): Promise<void>;
};

/** One message after the other, as a sender does: one without an answer is sent again, under the same id. */
export function startSender(parties: Parties, feedPort: number, name: string, everyMs = 50): Sender {
  const accepted: string[] = [];
  let isOver = false;
  const run = (async () => {
    for (let number = 1; !isOver; number++) {
      const id = `${name}-${number}`;
      while ((await parties.send(feedPort, id).catch(() => 'none')) !== 'AA') {
        await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
      accepted.push(id);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    accepted,
    stop: () => {
      isOver = true;
      return run;
    },
  };
}

const RESEND_AFTER_MS = 50;

/** A platform that has taken a message sends it on until it is answered. */
async function untilAnswered(
  port: number,
  message: string,
  sockets: Set<Socket>,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const answer = await exchange(port, message, sockets).catch(() => null);
    if (answer !== null) return;
    await new Promise((resolve) => setTimeout(resolve, RESEND_AFTER_MS));
  }
}

async function exchange(port: number, message: string, sockets: Set<Socket>): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  sockets.add(socket);
  try {
    await once(socket, 'connect');
    return await new Promise((resolve, reject) => {
      eachFrame(socket, resolve);
      socket.once('close', () => reject(new Error(`port ${port} closed without an answer`)));
      socket.on('error', reject);
      socket.write(frame(message));
    });
  } finally {
    socket.destroy();
    sockets.delete(socket);
  }
}

function order(id: string): string {
  return [
    `MSH|^~\\&|EMR|NORTHSIDE|LIS|LAB|20260101120000||ORM^O01|${id}|P|2.5.1`,
    'PID|1||4711^^^NORTHSIDE||DOE^JANE',
    `ORC|NW|${id}`,
    `OBR|1|${id}||CBC^Blood count`,
    '',
  ].join('\r');
}

function answerTo(message: string): string {
  return `MSH|^~\\&|LIS|LAB|EMR|NORTHSIDE|20260101120000||ACK|A${idOf(message)}|P|2.5.1\rMSA|AA|${idOf(message)}\r`;
}

function idOf(message: string): string {
  return message.split('\r')[0]?.split('|')[9] ?? '';
}
