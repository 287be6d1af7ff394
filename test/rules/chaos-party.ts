/**
 * A platform or a destination as a process of its own, so that it can be killed and stopped: `node party.ts JSON`. What it
 * has taken is in its log before it answers, and what its log says was taken and not passed on goes out after the next start,
 * as with a real engine's queue. It recognises nothing: a message that comes twice goes on twice.
 */
import { once } from 'node:events';
import { existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { eachFrame, frame } from '../mllp-frames.ts';

export type PartyOptions = {
  readonly name: string;
  readonly port: number;
  /** Lines `in ID FROM` and `out ID`. */
  readonly log: string;
  /** Where its outputs go; null: it is a destination. */
  readonly leg: number | null;
};

const ANSWER_LIMIT_MS = 10_000;
const PAUSE_MS = 20;

const options: PartyOptions = JSON.parse(process.argv[2] ?? '{}');
const log = openSync(options.log, 'a');
const note = (line: string): void => void writeSync(log, `${line}\n`);

const lines = existsSync(options.log) ? readFileSync(options.log, 'latin1').split('\n') : [];
const taken = lines.filter((line) => line.startsWith('in ')).map((line) => line.split(' ')[1] ?? '');
const queue = taken.slice(lines.filter((line) => line.startsWith('out ')).length);
let arrived = (): void => undefined;

createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  eachFrame(socket, (message) => {
    const [, , from = '', , , , , , , id = ''] = (message.split('\r')[0] ?? '').split('|');
    note(`in ${id} ${from}`);
    socket.write(frame(`MSH|^~\\&|${options.name}||||||ACK|${options.name}-${id}|P|2.5\rMSA|AA|${id}\r`));
    queue.push(id);
    arrived();
  });
}).listen(options.port, '127.0.0.1', () => process.stdout.write('listening\n'));

if (options.leg !== null) void passOn(options.leg);

/** Stop and wait, in order, again and again until it is taken. */
async function passOn(leg: number): Promise<void> {
  let socket: Socket | null = null;
  for (;;) {
    const [id] = queue;
    if (id === undefined) {
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
      continue;
    }
    try {
      socket ??= await dial(leg);
      const verdict = await exchange(socket, id);
      if (verdict === 'AA') {
        queue.shift();
        note(`out ${id}`);
        continue;
      }
    } catch {
      socket?.destroy();
      socket = null;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect', { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
  return socket;
}

/** MSA-1 of the answer to this message. Rejects where none comes. */
function exchange(socket: Socket, id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.removeAllListeners('data').removeAllListeners('close');
      settle();
    };
    const timer = setTimeout(() => end(() => reject(new Error('no answer'))), ANSWER_LIMIT_MS);
    socket.on('close', () => end(() => reject(new Error('closed'))));
    if (socket.destroyed) end(() => reject(new Error('closed')));
    eachFrame(socket, (answer) => {
      const [, code = '', of = ''] =
        answer
          .split('\r')
          .find((segment) => segment.startsWith('MSA|'))
          ?.split('|') ?? [];
      end(() => (of === id ? resolve(code) : reject(new Error('another answer'))));
    });
    socket.write(frame(`MSH|^~\\&|${options.name}|P|||20260101||ORM^O01|${id}|P|2.5\rORC|NW|${id}\r`));
  });
}
