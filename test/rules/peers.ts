/**
 * For the tests of the design's rules: peers whose every byte is the test's own, and the real gateway process between
 * them. Nothing here answers, sends or repeats anything that a test has not asked for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { vi } from 'vitest';
import { freePorts } from '../../adapters/test-ports.ts';
import {
  type ConnectionStatus,
  connectionStatusSchema,
  type ListEntry,
  listEntrySchema,
  type RouteResponse,
  readySchema,
  routeResponseSchema,
} from '../../core/admin-api.ts';

/** Past this a test has failed, whatever the machine is busy with. */
const LIMIT_MS = 60_000;
const START = Buffer.from([0x0b]);
const END = Buffer.from([0x1c, 0x0d]);
const MAIN = resolve(import.meta.dirname, '../../gateway/main.ts');

export const frame = (payload: Uint8Array | string): Buffer => Buffer.concat([START, bytes(payload), END]);
export const bytes = (text: Uint8Array | string): Buffer =>
  typeof text === 'string' ? Buffer.from(text, 'latin1') : Buffer.from(text);

export function order(id: string, more = ''): Buffer {
  const time = '20260101120000';
  return bytes(`MSH|^~\\&|EMR|NORTHSIDE|LIS|LAB|${time}||ORM^O01|${id}|P|2.5.1\rORC|NW|${id}\rOBR|1|${id}${more}\r`);
}

export function answer(id: string, code = 'AA', text = ''): Buffer {
  return bytes(`MSH|^~\\&|PEER||EMR||20260101120001||ACK|P-${id}|P|2.5.1\rMSA|${code}|${id}|${text}\r`);
}

export function idOf(payload: Uint8Array): string {
  return bytes(payload).toString('latin1').split('\r')[0]?.split('|')[9] ?? '';
}

/** MSA-1 and MSA-2. */
export function verdictOf(payload: Uint8Array): string {
  return /\rMSA\|([^|\r]*\|[^|\r]*)/.exec(bytes(payload).toString('latin1'))?.[1] ?? 'no MSA';
}

export const until = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: LIMIT_MS, interval: 20 });

/** Cuts frames by their last two bytes alone, and keeps what is between START and END as it came. */
class Inbox extends EventEmitter {
  readonly payloads: Buffer[] = [];
  /** Everything that came, frames or not. */
  byteCount = 0;
  #parts: Buffer[] = [];

  push(chunk: Buffer): void {
    const lastByte = this.#parts.at(-1)?.at(-1);
    this.byteCount += chunk.length;
    this.#parts.push(chunk);
    if (chunk.indexOf(END) < 0 && !(lastByte === END[0] && chunk[0] === END[1])) return;
    let pending = Buffer.concat(this.#parts);
    for (let end = pending.indexOf(END); end >= 0; end = pending.indexOf(END)) {
      const payload = pending.subarray(pending.indexOf(START) + 1, end);
      pending = pending.subarray(end + END.length);
      this.payloads.push(payload);
      this.emit('payload', payload);
    }
    this.#parts = [pending];
  }
}

export type Arrived = {
  readonly payload: Buffer;
  readonly socket: Socket;
  /** Writes one frame on the socket that the message came on. */
  reply(payload: Uint8Array): void;
};

/** A listening peer: a platform, or a destination. It does nothing by itself unless `script` says so. */
export class Peer {
  readonly arrived: Arrived[] = [];
  readonly sockets = new Set<Socket>();
  script: (arrived: Arrived) => void = () => undefined;
  readonly host: string;
  port = 0;
  #server: Server | null = null;
  #taken = 0;
  readonly #news = new EventEmitter();

  constructor(host = '127.0.0.1') {
    this.host = host;
  }

  /** Listens, on the same port as before where there was one. */
  async up(): Promise<this> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    server.listen(this.port, this.host);
    await once(server, 'listening');
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    return this;
  }

  /** Gone as a killed process is gone: nobody listens, every socket is reset. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.sockets) socket.resetAndDestroy();
    if (server !== null) await new Promise((done) => server.close(done));
  }

  /** The next message that no test has taken yet. */
  async take(): Promise<Arrived> {
    for (;;) {
      const next = this.arrived[this.#taken];
      if (next !== undefined) {
        this.#taken++;
        return next;
      }
      await within('a message at the peer', once(this.#news, 'frame'));
    }
  }

  answerAll(code = 'AA'): void {
    this.script = ({ payload, reply }) => reply(answer(idOf(payload), code));
  }

  get ids(): string[] {
    return this.arrived.map(({ payload }) => idOf(payload));
  }

  #accept(socket: Socket): void {
    this.sockets.add(socket);
    const inbox = new Inbox();
    inbox.on('payload', (payload: Buffer) => {
      const arrived: Arrived = { payload, socket, reply: (own) => void socket.write(frame(own)) };
      this.arrived.push(arrived);
      this.script(arrived);
      this.#news.emit('frame');
    });
    socket.on('data', (chunk) => inbox.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }
}

/** A dialling peer: a source at a feed, or a platform that sends its output to a leg. */
export class Client {
  readonly socket: Socket;
  readonly inbox = new Inbox();
  readonly closed: Promise<unknown>;
  isClosed = false;
  #taken = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((done) => socket.once('close', done)).then(() => {
      this.isClosed = true;
      this.inbox.emit('payload');
    });
    socket.on('data', (chunk) => this.inbox.push(chunk));
    socket.on('error', () => undefined);
  }

  static async open(port: number, allowHalfOpen = false, host = '127.0.0.1'): Promise<Client> {
    const socket = connect({ port, host, noDelay: true, allowHalfOpen });
    await once(socket, 'connect');
    return new Client(socket);
  }

  send(payload: Uint8Array | string): this {
    this.socket.write(frame(payload));
    return this;
  }

  /** The next answer on this socket. */
  async answer(): Promise<Buffer> {
    for (;;) {
      const next = this.inbox.payloads[this.#taken];
      if (next !== undefined) {
        this.#taken++;
        return next;
      }
      if (this.isClosed) throw new Error('the socket was closed without an answer');
      await within('an answer', once(this.inbox, 'payload'));
    }
  }

  async exchange(payload: Uint8Array | string): Promise<Buffer> {
    return this.send(payload).answer();
  }
}

export type LineOptions = {
  readonly feed?: object;
  readonly leg?: object;
  /** Of one platform only. */
  readonly legs?: { readonly legacy?: object; readonly new?: object };
  readonly destination?: object;
  readonly platform?: object;
  readonly connection?: object;
};

type Reply = { readonly status: number; readonly body: Record<string, unknown> };
type MoveOptions = {
  newWeight?: number;
  force?: boolean;
  reason?: string;
  deadlineMs?: number;
  requestId?: string;
  expectedEpoch?: number;
};

/** One connection with three peers of its own. */
export class Line {
  readonly name: string;
  readonly feedPort: number;
  readonly legs: { readonly legacy: number; readonly new: number };
  readonly legacy = new Peer();
  readonly new = new Peer();
  readonly destination = new Peer();
  readonly #estate: Estate;

  constructor(name: string, estate: Estate, ports: readonly number[]) {
    const [feedPort = 0, legacy = 0, next = 0] = ports;
    this.name = name;
    this.feedPort = feedPort;
    this.legs = { legacy, new: next };
    this.#estate = estate;
  }

  get peers(): readonly Peer[] {
    return [this.legacy, this.new, this.destination];
  }

  source(): Promise<Client> {
    return Client.open(this.feedPort);
  }

  leg(platform: 'legacy' | 'new'): Promise<Client> {
    return Client.open(this.legs[platform]);
  }

  async status(): Promise<ConnectionStatus> {
    const { body } = await this.#estate.call('GET', `connections/${this.name}`);
    return connectionStatusSchema.parse(body);
  }

  async list(list: string): Promise<readonly ListEntry[]> {
    const { body } = await this.#estate.call('GET', `connections/${this.name}/lists/${list}`);
    return listEntrySchema.array().parse(body.entries);
  }

  /** [MSH-10, cause] of a list's entries. */
  async listed(list: string): Promise<string[][]> {
    return (await this.list(list)).map(({ id, cause }) => [id.msh10, cause]);
  }

  async put(phase: string, options: MoveOptions = {}, token?: string): Promise<Reply> {
    const expectedEpoch = options.expectedEpoch ?? (await this.status()).epoch;
    const requestId = options.requestId ?? `request-${Math.random()}`;
    const body = { requestId, phase, expectedEpoch, ...options };
    return this.#estate.call('PUT', `connections/${this.name}/route`, body, token);
  }

  async move(phase: string, options: MoveOptions = {}): Promise<RouteResponse> {
    const { status, body } = await this.put(phase, options);
    if (status !== 200 || body.aborted === true) throw new Error(`${phase}: ${status} ${JSON.stringify(body)}`);
    return routeResponseSchema.parse(body);
  }
}

/** A gateway process with its data directory, and the lines it serves. */
export class Estate {
  readonly folder: string;
  readonly lines: Record<string, Line> = {};
  readonly inventoryFile: string;
  readonly dataDir: string;
  pid = 0;
  adminPort = 0;
  log = '';
  #child: ChildProcess | null = null;
  args: readonly string[] = ['--init'];
  /** The program that is the gateway, and what is added to its environment. */
  main = MAIN;
  env: Readonly<Record<string, string>> = {};

  constructor(folder: string) {
    this.folder = folder;
    this.inventoryFile = join(folder, 'inventory.yaml');
    this.dataDir = join(folder, 'data');
  }

  line(name: string): Line {
    const line = this.lines[name];
    if (line === undefined) throw new Error(`no line is named ${name}`);
    return line;
  }

  get token(): string {
    return readFileSync(join(this.dataDir, 'admin.token'), 'utf8').trim();
  }

  async start(): Promise<void> {
    const where = ['--inventory', this.inventoryFile, '--data-dir', this.dataDir, '--admin-port', '0'];
    const child = spawn(process.execPath, [this.main, ...where, ...this.args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.env },
    });
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stderr.on('data', (chunk: Buffer) => {
      this.log += chunk.toString('latin1');
    });
    const firstLine = once(createInterface(child.stdout), 'line').then(([line]) => String(line));
    const ended = once(child, 'close').then(([code]) => Promise.reject(new Error(`exit ${code}: ${this.log}`)));
    ended.catch(() => undefined);
    this.adminPort = readySchema.parse(JSON.parse(await Promise.race([firstLine, ended]))).adminPort;
  }

  /** Gives birth to the data directory only. */
  async init(...more: readonly string[]): Promise<void> {
    const where = ['--inventory', this.inventoryFile, '--data-dir', this.dataDir];
    const child = spawn(process.execPath, [MAIN, 'init', ...where, ...more], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`init ended with ${code}`);
  }

  /** Gives the running gateway another inventory, and waits until it has taken it. */
  async changeInventory(over: object): Promise<void> {
    const { defaults: _defaults, ...inventory } = JSON.parse(await readFile(this.inventoryFile, 'utf8'));
    await writeFile(this.inventoryFile, JSON.stringify({ ...inventory, ...over }));
    const taken = (): number => this.log.split('inventory taken').length;
    const before = taken();
    process.kill(this.pid, 'SIGHUP');
    await until(() => {
      if (taken() === before) throw new Error('the gateway has not read its inventory again');
    });
  }

  /** Kills it at once and starts it again on the same directory. */
  async crash(): Promise<void> {
    await this.end('SIGKILL');
    await this.start();
  }

  async restart(): Promise<void> {
    await this.end('SIGTERM');
    await this.start();
  }

  /** Ends the process that `start` started; its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return child?.exitCode ?? null;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  }

  async close(): Promise<void> {
    await this.end('SIGKILL');
    for (const line of Object.values(this.lines)) for (const peer of line.peers) await peer.down();
    await rm(this.folder, { recursive: true, force: true });
  }

  async call(method: string, path: string, body?: object, token = this.token): Promise<Reply> {
    const { status, text } = await this.#ask(method, `/v1/${path}`, { authorization: `Bearer ${token}` }, body);
    return { status, body: JSON.parse(text) };
  }

  /** What a path outside `/v1` answers, without a credential. */
  async text(path: string): Promise<string> {
    return (await this.#ask('GET', path, {})).text;
  }

  async #ask(method: string, path: string, headers: Record<string, string>, body?: object) {
    const ca = await readFile(join(this.dataDir, 'admin.crt'));
    const target = { method, host: '127.0.0.1', port: this.adminPort, path, ca, headers, agent: false };
    return new Promise<{ status: number; text: string }>((done, fail) => {
      const ask = request(target, (response) => {
        // A gateway that is killed in the middle of its answer fails this call, and not the run of the tests.
        text(response).then((body) => done({ status: response.statusCode ?? 0, text: body }), fail);
      });
      ask.on('error', fail);
      ask.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Resident memory of the process in MiB. */
  async residentMiB(): Promise<number> {
    const text = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? Number.NaN) / 1024;
  }
}

/** One connection for each name, each with its own feed, legs and peers; the gateway runs unless `idle`. */
export async function startEstate(options: Readonly<Record<string, LineOptions>>, idle = false): Promise<Estate> {
  const estate = new Estate(await mkdtemp(join(tmpdir(), 'cutover-rules-')));
  for (const name of Object.keys(options)) {
    const line = new Line(name, estate, await freePorts(3));
    for (const peer of line.peers) await peer.up();
    estate.lines[name] = line;
  }
  await writeInventory(estate, options);
  if (!idle) await estate.start();
  return estate;
}

export async function writeInventory(
  estate: Estate,
  options: Readonly<Record<string, LineOptions>>,
  deployment = 'lab-rules-1',
): Promise<void> {
  const connections = Object.entries(options).map(([name, option]) => {
    const { feedPort, legs, legacy, new: next, destination } = estate.line(name);
    const at = (peer: Peer): object => ({ host: '127.0.0.1', port: peer.port, ...option.platform });
    return {
      name,
      direction: 'orders',
      practice: 'northside',
      wave: 'pilot',
      feed: { port: feedPort, ackTimeout: '20s', platforms: { legacy: at(legacy), new: at(next) }, ...option.feed },
      legs: {
        legacy: { port: legs.legacy, ackTimeout: '20s', ...option.leg, ...option.legs?.legacy },
        new: { port: legs.new, ackTimeout: '20s', ...option.leg, ...option.legs?.new },
      },
      destination: { host: '127.0.0.1', port: destination.port, ...option.destination },
      settle: '200ms',
      ...option.connection,
    };
  });
  const gateways = [{ shard: 0, admin: 'https://127.0.0.1:7443' }];
  await writeFile(estate.inventoryFile, JSON.stringify({ deployment, gateways, connections }));
}

async function within<T>(what: string, wait: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what} did not come within ${LIMIT_MS} ms`)), LIMIT_MS);
  try {
    return await Promise.race([wait, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
