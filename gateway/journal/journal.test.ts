/** The journal on a disk that works: order, batches, rollover, reading back, purging, reopening. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { JournalForeignError } from './errors.ts';
import { Journal, type JournalEvents, type JournalOptions, type JournalRecord } from './journal.ts';
import { MemoryFiles } from './memory-files.ts';

const DIR = '/journal';
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type Log = { readonly lines: string[]; written: number; durable: number; readonly events: JournalEvents };

function logOf(): Log {
  const log: Log = {
    lines: [],
    written: 0,
    durable: 0,
    events: {
      written: (upTo) => {
        log.written = upTo;
        log.lines.push(`written ${upTo}`);
      },
      durable: (upTo) => {
        log.durable = upTo;
        log.lines.push(`durable ${upTo}`);
      },
      failed: (_, lastDurable) => log.lines.push(`failed ${lastDurable}`),
      segmentStarted: (segment) => log.lines.push(`segment ${segment}`),
    },
  };
  return log;
}

function optionsOf(files: MemoryFiles, log: Log, more: Partial<JournalOptions> = {}): JournalOptions {
  return { dir: DIR, shard: 0, incarnation: 'a', segmentBytes: 4096, files, events: log.events, ...more };
}

function record(offset: number, bytes = 10): JournalRecord {
  return { offset, meta: { kind: 'in', n: offset }, payload: Buffer.alloc(bytes, offset) };
}

async function all(records: AsyncIterable<JournalRecord>): Promise<JournalRecord[]> {
  const found: JournalRecord[] = [];
  for await (const one of records) found.push(one);
  return found;
}

test('what is appended in one turn is one batch, synced only where a record needs it', async () => {
  const log = logOf();
  const syncs: string[] = [];
  const files = new MemoryFiles({
    fate: (operation) => {
      if (operation === 'sync') syncs.push('sync');
      return 'works';
    },
  });
  const { journal } = await Journal.open(optionsOf(files, log));
  const atStart = syncs.length;
  journal.append(record(1), 'written');
  journal.append(record(2), 'written');
  await vi.waitFor(() => expect(log.written).toBe(2), { timeout: 60_000 });
  expect(log.lines).toEqual(['written 2']);
  expect(syncs.length).toBe(atStart);
  journal.append(record(3), 'durable');
  await vi.waitFor(() => expect(log.durable).toBe(3), { timeout: 60_000 });
  expect(log.lines).toEqual(['written 2', 'written 3', 'durable 3']);
  expect(syncs.length).toBe(atStart + 1);
  await journal.close();
});

test('a sync covers only what was written before it began; writing goes on beside it', async () => {
  const log = logOf();
  let release: () => void = () => undefined;
  let blocked = 0;
  let block = false;
  const files = new MemoryFiles({
    delay: async (operation) => {
      if (operation !== 'sync' || !block) return;
      blocked += 1;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    },
  });
  const { journal } = await Journal.open(optionsOf(files, log));
  block = true;
  journal.append(record(1), 'durable');
  await vi.waitFor(() => expect(blocked).toBe(1), { timeout: 60_000 });
  journal.append(record(2), 'durable');
  journal.append(record(3), 'written');
  expect(journal.bufferedBytes).toBeGreaterThan(20);
  expect((await journal.read(3)).payload).toEqual(record(3).payload);
  await vi.waitFor(() => expect(log.written).toBe(3), { timeout: 60_000 });
  expect(journal.bufferedBytes).toBe(0);
  release();
  await vi.waitFor(() => expect(blocked).toBe(2), { timeout: 60_000 });
  expect(log.lines).toEqual(['written 1', 'written 3', 'durable 1']);
  block = false;
  release();
  await journal.close();
  expect(log.lines.at(-1)).toBe('durable 3');
});

test('an append at any moment after the last one was told durable goes out', async () => {
  const log = logOf();
  let go: () => void = () => undefined;
  const durable = (upTo: number) => {
    log.durable = upTo;
    go();
  };
  const { journal } = await Journal.open(optionsOf(new MemoryFiles(), log, { events: { ...log.events, durable } }));
  let offset = 0;
  for (let laterTurns = 0; laterTurns < 20; laterTurns++) {
    for (let sent = 0; sent < 3; sent++) {
      offset += 1;
      const told = new Promise<void>((resolve) => {
        go = resolve;
      });
      journal.append(record(offset), 'durable');
      await told;
      for (let turn = 0; turn < laterTurns; turn++) await Promise.resolve();
    }
  }
  expect(log.durable).toBe(60);
  await journal.close();
});

test('records without a sync are synced once they exceed the bound', async () => {
  const log = logOf();
  const { journal } = await Journal.open(optionsOf(new MemoryFiles(), log, { unsyncedLimitBytes: 100 }));
  journal.append(record(1, 200), 'written');
  await vi.waitFor(() => expect(log.durable).toBe(1), { timeout: 60_000 });
  await journal.close();
});

test('a gap in the offsets and an append after close are refused', async () => {
  const { journal } = await Journal.open(optionsOf(new MemoryFiles(), logOf()));
  expect(() => journal.append(record(2), 'durable')).toThrow(RangeError);
  await journal.close();
  expect(() => journal.append(record(1), 'durable')).toThrow('closed');
});

test('rolls over, reads every record back, purges whole segments, goes on after reopening', async () => {
  const files = new MemoryFiles();
  const log = logOf();
  const { journal } = await Journal.open(optionsOf(files, log));
  for (let offset = 1; offset <= 60; offset++) {
    journal.append(record(offset, 300), 'durable');
    await vi.waitFor(() => expect(log.durable).toBe(offset), { interval: 1, timeout: 60_000 });
  }
  const before = journal.usage();
  expect(before.segments).toBeGreaterThan(4);
  for (let offset = 1; offset <= 60; offset++) expect(await journal.read(offset)).toEqual(record(offset, 300));
  expect(await journal.purgeBefore(30)).toBeGreaterThan(1);
  const { firstOffset } = journal.usage();
  expect(firstOffset).toBeGreaterThan(1);
  expect(firstOffset).toBeLessThanOrEqual(30);
  await expect(journal.read(1)).rejects.toThrow('purged');
  await expect(journal.read(61)).rejects.toThrow('not been appended');
  await journal.close();

  const again = await Journal.open(optionsOf(files, logOf()));
  expect(again.report).toEqual({ clean: true, records: 61 - firstOffset, nextOffset: 61, cut: null });
  const recovered = await all(again.recovered);
  expect(recovered.map((one) => one.offset)).toEqual(
    Array.from({ length: 61 - firstOffset }, (_, i) => firstOffset + i),
  );
  again.journal.append(record(61), 'durable');
  await again.journal.close();
  const third = await Journal.open(optionsOf(files, logOf()));
  expect(third.report.nextOffset).toBe(62);
  expect(third.report.clean).toBe(true);
  await third.journal.close();
});

test('a batch larger than a segment gets one of its size; empty and absent payloads stay apart', async () => {
  const files = new MemoryFiles();
  const log = logOf();
  const { journal } = await Journal.open(optionsOf(files, log));
  journal.append({ offset: 1, meta: {}, payload: null }, 'written');
  journal.append({ offset: 2, meta: { text: 'ä\u0000' }, payload: Buffer.alloc(0) }, 'written');
  await vi.waitFor(() => expect(log.written).toBe(2), { timeout: 60_000 });
  journal.append(record(3, 50_000), 'durable');
  await journal.close();
  const again = await Journal.open(optionsOf(files, logOf()));
  const recovered = await all(again.recovered);
  expect(recovered.map((one) => one.payload?.byteLength ?? null)).toEqual([null, 0, 50_000]);
  expect(recovered[1]?.meta).toEqual({ text: 'ä\u0000' });
  expect(again.journal.usage().segments).toBe(2);
  await again.journal.close();
});

test('another incarnation or shard is refused by name, an emptied folder too', async () => {
  const files = new MemoryFiles();
  const { journal } = await Journal.open(optionsOf(files, logOf()));
  await journal.close();
  await expect(Journal.open(optionsOf(files, logOf(), { incarnation: 'b' }))).rejects.toThrow(JournalForeignError);
  await expect(Journal.open(optionsOf(files, logOf(), { shard: 1 }))).rejects.toThrow('shard 0, incarnation a');
  const empty = optionsOf(new MemoryFiles(), logOf(), { mustExist: true });
  await expect(Journal.open(empty)).rejects.toMatchObject({ code: 'journal-missing' });
});

test('the limit on disk stops the journal until something is purged', async () => {
  const log = logOf();
  const waits: (() => void)[] = [];
  const wait = () => new Promise<void>((resolve) => waits.push(resolve));
  const { journal } = await Journal.open(optionsOf(new MemoryFiles(), log, { limitBytes: 12_500, wait }));
  for (let offset = 1; offset <= 12; offset++) {
    journal.append(record(offset, 1200), 'durable');
    await vi.waitFor(() => expect(log.durable + waits.length).toBeGreaterThanOrEqual(offset), {
      interval: 1,
      timeout: 60_000,
    });
    if (waits.length > 0) break;
  }
  expect(waits.length).toBe(1);
  const stopped = log.durable;
  expect(log.lines.at(-1)).toBe(`failed ${stopped}`);
  await journal.purgeBefore(stopped);
  waits[0]?.();
  await vi.waitFor(() => expect(log.durable).toBe(stopped + 1), { timeout: 60_000 });
  await journal.close();
});

test('works on real files, with spares prepared and left behind nowhere', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cutover-journal-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  const log = logOf();
  const options: JournalOptions = {
    dir: join(dir, 'j'),
    shard: 2,
    incarnation: 'x',
    segmentBytes: 65_536,
    events: log.events,
  };
  const { journal } = await Journal.open(options);
  for (let offset = 1; offset <= 300; offset++) {
    journal.append(record(offset, 1000), offset % 3 === 0 ? 'durable' : 'written');
    if (offset % 10 === 0) await vi.waitFor(() => expect(log.written).toBe(offset), { interval: 1, timeout: 60_000 });
  }
  await journal.close();
  const names = await readdir(join(dir, 'j'));
  expect(names.length).toBeGreaterThan(4);
  expect(names.every((name) => name.endsWith('.journal'))).toBe(true);
  const again = await Journal.open(options);
  expect(again.report).toMatchObject({ clean: true, records: 300, nextOffset: 301 });
  expect((await all(again.recovered)).map((one) => one.payload?.[0])).toEqual(
    Array.from({ length: 300 }, (_, i) => (i + 1) % 256),
  );
  expect(await again.journal.read(150)).toEqual(record(150, 1000));
  await again.journal.close();
});

test('a spare is filled in step with what is written, and is ready before the segment is full', async () => {
  const mib = 1 << 20;
  const files = new MemoryFiles();
  const log = logOf();
  const { journal } = await Journal.open(optionsOf(files, log, { segmentBytes: 4 * mib }));
  let offset = 0;
  const fill = async (toBytes: number): Promise<void> => {
    for (; (offset + 1) * 65_536 <= toBytes; ) journal.append(record(++offset, 65_000), 'written');
    await vi.waitFor(() => expect(log.written).toBe(offset), { timeout: 60_000 });
  };
  const spareBytes = async (): Promise<number> => {
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    const name = (await files.list(DIR)).find((one) => one.endsWith('.tmp'));
    return name === undefined ? 0 : files.contents(join(DIR, name)).byteLength;
  };
  await fill(1.9 * mib);
  expect(await spareBytes()).toBe(0);
  await fill(2.3 * mib);
  const begun = await spareBytes();
  expect(begun).toBeGreaterThan(0);
  expect(begun).toBeLessThan(2 * mib);
  await fill(3.6 * mib);
  expect(await spareBytes()).toBe(4 * mib);
  await fill(4.4 * mib);
  expect(log.lines).toContain('segment 2');
  expect(files.contents(join(DIR, 'segment-0000000002.journal')).byteLength).toBe(4 * mib);
  await fill(6.3 * mib);
  await journal.close();
  expect((await files.list(DIR)).filter((one) => one.endsWith('.tmp'))).toEqual([]);
});

test('what a checkpoint stands for is not walked again: recovery begins behind it, and what is read is still checked', async () => {
  const files = new MemoryFiles();
  const log = logOf();
  const { journal } = await Journal.open(optionsOf(files, log));
  for (let offset = 1; offset <= 60; offset++) {
    journal.append(record(offset, 300), 'durable');
    await vi.waitFor(() => expect(log.durable).toBe(offset), { interval: 1, timeout: 60_000 });
  }
  await journal.close();
  const [oldest = ''] = (await files.list(DIR)).sort();
  files.damage(`${DIR}/${oldest}`, 400, (byte) => byte ^ 1);
  await expect(Journal.open(optionsOf(files, logOf()))).rejects.toMatchObject({ code: 'batch-bad' });
  const again = await Journal.open(optionsOf(files, logOf(), { recoverFrom: 40, checkedBefore: 40 }));
  expect((await all(again.recovered)).map(({ offset }) => offset)).toEqual(
    Array.from({ length: 21 }, (_, i) => 40 + i),
  );
  expect(again.report).toMatchObject({ clean: true, records: 21, nextOffset: 61 });
  await expect(again.journal.read(1)).rejects.toMatchObject({ code: 'record-bad' });
  for (const offset of [30, 31, 12]) expect(await again.journal.read(offset)).toEqual(record(offset, 300));
  await again.journal.close();
});
