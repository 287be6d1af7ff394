/** Repair: what is intact stays under its offset, what is not is named, and nothing is changed by looking. */
import { expect, test, vi } from 'vitest';
import { Journal, type JournalOptions, type JournalRecord } from './journal.ts';
import { MemoryFiles } from './memory-files.ts';
import { planRepair, repair } from './repair.ts';

const DIR = '/data/journal';
const BATCHES = 30;
const IN_BATCH = 3;
const KEYS = [new Uint8Array(32).fill(3)];
const NOTHING = { written: () => undefined, failed: () => undefined, segmentStarted: () => undefined };

function optionsOf(files: MemoryFiles, keys: readonly Uint8Array[]): JournalOptions {
  return {
    dir: DIR,
    shard: 0,
    incarnation: 'a',
    segmentBytes: 4096,
    files,
    keys,
    events: { ...NOTHING, durable() {} },
  };
}

function record(offset: number): JournalRecord {
  return { offset, meta: { n: offset }, payload: Buffer.alloc(100, offset) };
}

async function filled(keys: readonly Uint8Array[]): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  let durable = 0;
  const events = { ...NOTHING, durable: (upTo: number) => (durable = upTo) };
  const { journal } = await Journal.open({
    ...optionsOf(files, keys),
    events: { ...events, durable: (n) => void events.durable(n) },
  });
  for (let offset = 1; offset <= BATCHES * IN_BATCH; offset++) {
    journal.append(record(offset), 'durable');
    if (offset % IN_BATCH === 0) await vi.waitFor(() => expect(durable).toBe(offset), { interval: 1, timeout: 60_000 });
  }
  await journal.close();
  return files;
}

async function contentOf(files: MemoryFiles, keys: readonly Uint8Array[]): Promise<JournalRecord[]> {
  const { journal, recovered } = await Journal.open(optionsOf(files, keys));
  const found: JournalRecord[] = [];
  for await (const one of recovered) found.push(one);
  await journal.close();
  return found;
}

test.each([
  [[]],
  [KEYS],
])('one rotten byte costs one record; a rotten head its batch; a missing segment what it held', async (keys) => {
  const files = await filled(keys);
  const segments = (await files.list(DIR)).sort();
  expect(segments.length).toBeGreaterThan(3);
  const options = { dir: DIR, shard: 0, incarnation: 'a', files, keys, nowMs: 7, segmentBytes: 4096 };
  expect((await planRepair(options)).damages).toEqual([]);
  // The first batch of the second segment: its head; the first record of the first segment's first batch: its payload.
  files.damage(`${DIR}/${segments[1]}`, 128 + 9, (byte) => byte ^ 1);
  files.damage(`${DIR}/${segments[0]}`, 128 + 64 + 3 * 12 + 60, (byte) => byte ^ 1);
  await files.remove(`${DIR}/${segments[2]}`);
  await expect(Journal.open(optionsOf(files, keys))).rejects.toMatchObject({ code: 'segment-missing' });

  const plan = await planRepair(options);
  const lost = plan.damages.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
  expect(lost).toContain(1);
  expect(lost).not.toContain(2);
  expect(plan.damages.length).toBeGreaterThanOrEqual(3);
  expect(plan.nextOffset).toBe(BATCHES * IN_BATCH + 1);
  expect(plan.records + lost.length).toBe(BATCHES * IN_BATCH);
  await expect(Journal.open(optionsOf(files, keys))).rejects.toMatchObject({ code: 'segment-missing' });

  const kept = await repair(options);
  expect((await files.list(kept)).length).toBe(segments.length - 1);
  const { journal, report } = await Journal.open(optionsOf(files, keys));
  expect(report.clean, 'the crash before it, and what is lost, may have been sent').toBe(false);
  await journal.close();
  const content = await contentOf(files, keys);
  expect(content.map(({ offset }) => offset)).toEqual(Array.from({ length: BATCHES * IN_BATCH }, (_, i) => i + 1));
  for (const one of content) {
    if (lost.includes(one.offset))
      expect(one).toEqual({ offset: one.offset, meta: { t: 'lost', at: 7 }, payload: null });
    else expect(one).toEqual(record(one.offset));
  }
  expect((await planRepair(options)).damages).toEqual([]);
});

test('a sync of what came before does not end the wait for a later record', async () => {
  const slowSyncs = new MemoryFiles({
    delay: (operation) => new Promise((resolve) => setTimeout(resolve, operation === 'sync' ? 20 : 0)),
  });
  let durable = 0;
  const options = { ...optionsOf(slowSyncs, []), segmentBytes: 1 << 20 };
  const events = {
    ...NOTHING,
    durable(upTo: number): void {
      durable = upTo;
    },
  };
  const { journal } = await Journal.open({ ...options, events });
  // So much that is not synced is synced without anyone who waits for it.
  const long = Buffer.alloc(5 * 1024 * 1024, 'x');
  const count = 2000;
  for (let offset = 1; offset <= count; offset++) {
    const payload = offset > count - 4 ? long : Buffer.from('short');
    journal.append({ offset, meta: {}, payload }, offset === count ? 'durable' : 'written');
  }
  await vi.waitFor(() => expect(durable).toBe(count), { timeout: 60_000 });
  await journal.close();
  await repair({ ...options, files: slowSyncs, keys: [], nowMs: 7 });
  expect((await contentOf(slowSyncs, [])).length).toBe(count);
});
