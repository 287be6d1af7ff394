/**
 * Checkpoints over the real journal: what is purged is not missed, and a restart from a checkpoint knows everything that
 * a restart from all records would (rules 3, 6 and 15).
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../adapters/test-ports.ts';
import { parseInventory, STANDARD_FRAMING } from '../../core/inventory.ts';
import { initDataDir, openDataDir } from '../data-dir.ts';
import { ownAnswer } from '../engine/answers.ts';
import { Framer, framed } from '../framing.ts';
import { diskFiles } from '../journal/files.ts';
import { type JournalKey, Seal } from '../journal/seal.ts';
import { segmentNumberOf } from '../journal/segment.ts';
import { startShard } from '../shard.ts';
import type { Shard, ShardOptions } from '../shard-options.ts';
import { writeCheckpoint } from './checkpoint-file.ts';

const SMALL = { segmentBytes: 64 * 1024, keepBytes: 128 * 1024 };
const MOST_MESSAGES = 20_000;

let folder: string;
let platform: Server;
let release: () => void;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-checkpoint-'));
  release = () => {};
  platform = createServer((socket) => {
    sockets.push(socket);
    onFrames(socket, (payload) => socket.write(framed({ payload: ownAnswer(payload, 'AA', '', 0) }, STANDARD_FRAMING)));
  });
  await new Promise<void>((resolve) => platform.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  release();
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => platform.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

describe('checkpoints', () => {
  it('rule 15: the journal stays bounded, and a restart from the checkpoint answers a resend as before', async () => {
    const first = await serve();
    const source = await sourceTo(first);
    const last = await sendUntilPurged(source);
    const before = first.host.connection('c1');
    const epochs = first.host.epochs('c1');
    source.end();
    await stop(first);

    const second = await serve();
    expect(second.host.epochs('c1')).toEqual(epochs);
    expect(second.host.connection('c1')?.counters).toEqual(before?.counters);
    const again = await sourceTo(second);
    expect(await again.send(message(last))).toContain(`MSA|AA|M${last}|`);
    expect(second.host.list('c1', 'answeredAgain')?.total).toBe(1);
    again.end();
    await stop(second);
  });

  it('a segment that cannot be removed ends nothing: traffic goes on, and it goes with a later checkpoint', async () => {
    let refused = 0;
    let isBroken = true;
    const remove = async (path: string): Promise<void> => {
      if (!isBroken || segmentNumberOf(basename(path)) === null) return diskFiles.remove(path);
      refused++;
      throw new Error('EIO: the disk does not let go of it');
    };
    const shard = await serve([], { ...SMALL, files: { ...diskFiles, remove } });
    const source = await sourceTo(shard);
    let index = 1;
    for (; refused === 0; index++) expect(await source.send(message(index))).toContain(`MSA|AA|M${index}|`);
    expect(await firstSegment()).toBe(1);
    isBroken = false;
    for (; (await firstSegment()) === 1; index++)
      expect(await source.send(message(index))).toContain(`MSA|AA|M${index}|`);
    source.end();
    await stop(shard);
  });

  it('a purged journal without its checkpoint is refused, saying what belongs together', async () => {
    const first = await serve();
    const source = await sourceTo(first);
    await sendUntilPurged(source);
    source.end();
    await stop(first);
    await rm(join(folder, 'data', 'checkpoints'), { recursive: true });
    await expect(serve()).rejects.toThrow(/something between them is missing → restore the data directory as a whole/);
  });

  it('rule 15: a full disk: what waits is told AR after a moment, nothing is removed that is needed, and it is served again later', async () => {
    // The segment in use and not one more: no room can be made by anything that the gateway may do.
    const full = await serve([], { ...SMALL, limitBytes: 1 });
    const before = await journalState();
    const storing = await sourceTo(full);
    const cannotStore = expect.stringContaining('journal cannot be written');
    for (let index = 5000; full.host.ready().ready; index++) {
      // The message whose storing fails is neither kept nor refused: it waits for the disk.
      const answer = storing.send(message(index));
      while ((await Promise.race([answer, turn()])) === null && full.host.ready().ready);
    }
    expect(full.host.ready()).toEqual({ ready: false, reasons: [cannotStore] });
    const waiting = await sourceTo(full);
    expect(await waiting.send(message(7000))).toContain('MSA|AR|M7000|');
    expect(await waiting.send(message(7001))).toContain('MSA|AR|M7001|');
    expect(full.host.connection('c1')?.counters.refused).toBe(2);
    for (const name of before) expect(await journalState()).toContain(name);
    waiting.end();
    storing.end();
    await full.stop(100).catch(() => undefined);
    release();

    const roomy = await serve();
    const again = await sourceTo(roomy);
    expect(await again.send(message(9999))).toContain('MSA|AA|M9999|');
    again.end();
    await stop(roomy);
  });

  it('rule 15: history that nothing needs goes once it is old, however small; what is younger or needed stays', async () => {
    const large = { segmentBytes: SMALL.segmentBytes, keepBytes: 1 << 30 };
    const DAY_MS = 86_400_000;
    const first = await serve([], large);
    const source = await sourceTo(first);
    let sent = 0;
    while ((await journalState()).length < 6) expect(await source.send(message(++sent))).toContain('MSA|AA');
    source.end();
    await stop(first);
    const [oldest = '', second = '', third = ''] = (await journalState()).sort();
    const yesterday = new Date(Date.now() - 1.5 * DAY_MS);
    for (const name of [oldest, second]) await utimes(join(folder, 'data', 'journal', name), yesterday, yesterday);

    const again = await serve([], large, DAY_MS);
    const more = await sourceTo(again);
    const before = (await journalState()).length;
    // Asked with the next checkpoint, when a segment has filled. One goes after the other.
    while ((await firstSegment()) <= 2 && sent < MOST_MESSAGES) await more.send(message(++sent));
    const left = await journalState();
    expect(left).not.toContain(oldest);
    expect(left).not.toContain(second);
    expect(left).toContain(third);
    expect(left.length).toBeGreaterThan(before - 2);
    more.end();
    await stop(again);
  });

  it('payload encryption: nothing of a message is on disk, the keys rotate, and without them it does not start', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const before = await serve([first]);
    const source = await sourceTo(before);
    const last = await sendUntilPurged(source);
    source.end();
    await stop(before);
    expect(await onDisk()).not.toMatch(/ORM\^O01|MSA\|AA|x{50}/);

    await expect(serve()).rejects.toThrow(/is sealed with key \d+, which the key file does not have/);
    release();
    await expect(serve([second])).rejects.toThrow('CUTOVER_JOURNAL_KEY_FILE');
    release();

    const after = await serve([first, second]);
    const again = await sourceTo(after);
    expect(await again.send(message(last))).toContain(`MSA|AA|M${last}|`);
    expect(after.host.list('c1', 'answeredAgain')?.total).toBe(1);
    again.end();
    await stop(after);
  });

  it('a damaged checkpoint is passed over for the one before it', async () => {
    const { readNewestCheckpoint } = await import('./checkpoint-file.ts');
    const state = { nowMs: 1, connections: {}, feeds: {}, legPorts: {}, decisions: [], operations: [] };
    const whole = { ...state, inputs: [], outputs: [], resolved: [], strangers: [] };
    const checkpoints = join(folder, 'checkpoints');
    const seal = new Seal('i');
    for (const offset of [10, 20]) await writeCheckpoint(checkpoints, { incarnation: 'i', offset, state: whole }, seal);
    expect((await readNewestCheckpoint(checkpoints, 'i', seal))?.offset).toBe(20);
    const names = (await readdir(checkpoints)).filter((name) => name.endsWith('.json'));
    const [newest = ''] = names.sort().reverse();
    const bytes = await readFile(join(checkpoints, newest));
    bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
    await writeFile(join(checkpoints, newest), bytes);
    expect((await readNewestCheckpoint(checkpoints, 'i', seal))?.offset).toBe(10);
    expect(await readNewestCheckpoint(checkpoints, 'another', seal)).toBeNull();
  });

  it('at a peak segments share a checkpoint; what filled last has its own once the peak is over', async () => {
    const made = (): Promise<string> => readdir(join(folder, 'data', 'checkpoints')).then((names) => names.join());
    const endless = await serve([], { ...SMALL, peakOverMs: 3_600_000 });
    const source = await sourceTo(endless);
    for (let index = 1; (await made()) === 'reserve'; index++) await source.send(message(index));
    expect(await newestSegment()).toBeGreaterThan(8);
    source.end();
    await stop(endless);

    const brief = await serve([], { ...SMALL, peakOverMs: 50 });
    const again = await sourceTo(brief);
    const [before, newest] = [await made(), await newestSegment()];
    for (let index = 10_000; (await newestSegment()) <= newest; index++) await again.send(message(index));
    await vi.waitFor(async () => expect(await made()).not.toBe(before), { timeout: 120_000, interval: 50 });
    again.end();
    await stop(brief);
  });
});

/** Checkpoints are made as the journal grows: traffic goes on until one has let go of the oldest segment. */
async function sendUntilPurged(source: { send(text: string): Promise<string> }): Promise<number> {
  for (let index = 1; index <= MOST_MESSAGES; index++) {
    expect(await source.send(message(index))).toContain(`MSA|AA|M${index}|`);
    if (index % 20 === 0 && (await firstSegment()) > 1) return index;
  }
  throw new Error(`nothing was purged in ${MOST_MESSAGES} messages`);
}

function turn(): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), 5));
}

function journalState(): Promise<string[]> {
  return readdir(join(folder, 'data', 'journal')).then((names) => names.filter((name) => name.endsWith('.journal')));
}

/** Everything under the data directory, as text. */
async function onDisk(): Promise<string> {
  let text = '';
  for (const place of ['journal', 'checkpoints']) {
    const at = join(folder, 'data', place);
    for (const name of await readdir(at)) text += await readFile(join(at, name), 'latin1');
  }
  return text;
}

/** The number of the oldest segment that is still there. */
async function firstSegment(): Promise<number> {
  return Math.min(...(await segmentNumbers()));
}

async function newestSegment(): Promise<number> {
  return Math.max(...(await segmentNumbers()));
}

async function segmentNumbers(): Promise<readonly number[]> {
  const names = await readdir(join(folder, 'data', 'journal'));
  return names.flatMap((name) => segmentNumberOf(name) ?? []);
}

function message(index: number): string {
  return `MSH|^~\\&|S|F|R|F|2026||ORM^O01|M${index}|P|2.5\rPID|1||K${index}\rZZZ|${'x'.repeat(1000)}\r`;
}

async function serve(
  keys: readonly JournalKey[] = [],
  small: NonNullable<ShardOptions['journal']> = SMALL,
  keepMs: number | null = null,
): Promise<Shard> {
  const address = platform.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const text = `deployment: checkpoints
gateways: [{ shard: 0, admin: "https://127.0.0.1:7443" }]
connections:
  - name: c1
    direction: orders
    practice: p
    wave: w
    feed: { port: 0, ackTimeout: 10s, platforms: { legacy: { host: 127.0.0.1, port: ${port} }, new: { host: 127.0.0.1, port: ${port} } } }
    legs: { legacy: { port: ${await freePort()} }, new: { port: ${await freePort()} } }
    destination: { host: 127.0.0.1, port: ${port} }
    outputs: zero-or-one
    settle: 100ms
`;
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const inventory = parsed.value;
  const dataDir = join(folder, 'data');
  await initDataDir({ dataDir, inventory, shard: 0, target: 'local', now: new Date() });
  const opened = await openDataDir({ dataDir, inventory });
  if (!opened.ok) throw new Error(opened.refusal.message);
  release = () => opened.value.lock.release();
  const logger = pino({ level: 'silent' });
  const outside = {
    inventoryFolder: folder,
    databaseUrl: null,
    keys,
    listenHost: null,
    signers: null,
    logger,
    now: Date.now,
    keepMs,
    journal: small,
  };
  return startShard({ inventory, identity: opened.value.identity, dataDir, ...outside });
}

async function stop(shard: Shard): Promise<void> {
  await shard.stop(5000);
  release();
  release = () => {};
}

async function sourceTo(shard: Shard): Promise<{ send(text: string): Promise<string>; end(): void }> {
  const socket = dial(shard.feeds.c1 ?? 0, '127.0.0.1');
  sockets.push(socket);
  let answered: (payload: string) => void = () => {};
  onFrames(socket, (payload) => answered(payload.toString('latin1')));
  await new Promise((resolve) => socket.once('connect', resolve));
  return {
    send: (text) =>
      new Promise((resolve) => {
        answered = resolve;
        socket.write(framed({ payload: Buffer.from(text) }, STANDARD_FRAMING));
      }),
    end: () => socket.destroy(),
  };
}

function onFrames(socket: Socket, then: (payload: Buffer) => void): void {
  const framer = new Framer(STANDARD_FRAMING, { frameBytes: 1 << 20 });
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    framer.push(chunk);
    for (let taken = framer.take(); taken.kind === 'frame'; taken = framer.take()) then(taken.frame.payload);
  });
}
