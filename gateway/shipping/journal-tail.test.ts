/** Reading a journal beside its writer: every durable record once and in order, over rollovers, purges and failing disks. */
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { Journal, type JournalRecord } from '../journal/journal.ts';
import { type DiskOperation, type Fate, MemoryFiles } from '../journal/memory-files.ts';
import { Seal } from '../journal/seal.ts';
import { JournalTail } from './journal-tail.ts';

const DIR = '/journal';
const LIMITS = { records: 7, bytes: 3000 };

const journals: Journal[] = [];
afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close();
});

async function open(files: MemoryFiles): Promise<{ journal: Journal; durableUpTo: () => number }> {
  let durableUpTo = 0;
  const { journal, report } = await Journal.open({
    dir: DIR,
    shard: 0,
    incarnation: 'a',
    segmentBytes: 2048,
    files,
    events: {
      written: () => undefined,
      durable: (upTo) => {
        durableUpTo = upTo;
      },
      failed: () => undefined,
      segmentStarted: () => undefined,
    },
    wait: () => new Promise((resolve) => setImmediate(resolve)),
  });
  durableUpTo = report.nextOffset - 1;
  journals.push(journal);
  return { journal, durableUpTo: () => durableUpTo };
}

function record(offset: number, bytes = offset % 300): JournalRecord {
  return { offset, meta: { t: 'input', at: offset }, payload: offset % 5 === 0 ? null : Buffer.alloc(bytes, offset) };
}

async function readUpTo(tail: JournalTail, from: number, upTo: number): Promise<JournalRecord[]> {
  const found: JournalRecord[] = [];
  while (from + found.length <= upTo) found.push(...(await tail.read(from + found.length, upTo, LIMITS)));
  return found;
}

test('it follows a writer over segments, also on a disk whose writes and syncs fail', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.boolean(), { maxLength: 40 }),
      async (rounds, failures) => {
        let operations = 0;
        let isOver = false;
        const fate = (operation: DiskOperation): Fate => {
          if (operation !== 'sync' && operation !== 'write') return 'works';
          operations += 1;
          return !isOver && operations > 6 && failures[operations] === true ? 'fails' : 'works';
        };
        const files = new MemoryFiles({ fate });
        const { journal, durableUpTo } = await open(files);
        const tail = new JournalTail(DIR, new Seal('a'), files);
        const found: JournalRecord[] = [];
        let next = 1;
        for (const count of rounds) {
          const last = next + count - 1;
          for (; next <= last; next++) journal.append(record(next), 'durable');
          await vi.waitFor(() => expect(durableUpTo()).toBe(last), { timeout: 10_000, interval: 1 });
          found.push(...(await readUpTo(tail, found.length + 1, last)));
        }
        expect(found.map(({ offset }) => offset)).toEqual(found.map((_, index) => index + 1));
        expect(found).toHaveLength(next - 1);
        for (const { offset, meta, payload } of found) {
          expect(meta).toEqual(record(offset).meta);
          expect(payload === null ? null : Buffer.from(payload)).toEqual(record(offset).payload);
        }
        await tail.close();
        // The disk recovers before the journal is closed on it.
        isOver = true;
      },
    ),
    { numRuns: 25 },
  );
});

test('a batch keeps to its limits, and one record larger than them still comes', async () => {
  const files = new MemoryFiles();
  const { journal, durableUpTo } = await open(files);
  for (let offset = 1; offset <= 20; offset++) journal.append(record(offset, offset === 11 ? 9000 : 1), 'durable');
  await vi.waitFor(() => expect(durableUpTo()).toBe(20));
  const tail = new JournalTail(DIR, new Seal('a'), files);
  expect((await tail.read(1, 20, LIMITS)).map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect((await tail.read(11, 20, LIMITS)).map(({ offset }) => offset)).toEqual([11]);
  expect((await tail.read(19, 19, LIMITS)).map(({ offset }) => offset)).toEqual([19]);
  await tail.close();
});

test('what has been purged is skipped, visibly: the records begin later', async () => {
  const files = new MemoryFiles();
  const { journal, durableUpTo } = await open(files);
  for (let offset = 1; offset <= 60; offset++) {
    journal.append(record(offset, 200), 'durable');
    await vi.waitFor(() => expect(durableUpTo()).toBe(offset), { interval: 1 });
  }
  const tail = new JournalTail(DIR, new Seal('a'), files);
  expect((await tail.read(3, 60, LIMITS))[0]?.offset).toBe(3);
  await journal.purgeBefore(40);
  const { firstOffset } = journal.usage();
  expect(firstOffset).toBeGreaterThan(4);
  expect((await tail.read(4, 60, LIMITS))[0]?.offset).toBe(firstOffset);
  expect((await tail.read(60, 60, LIMITS))[0]?.offset).toBe(60);
  await tail.close();
});

test('a record that cannot be read back is an error, never a hole', async () => {
  const files = new MemoryFiles();
  await open(files);
  const tail = new JournalTail(DIR, new Seal('a'), files);
  await expect(tail.read(1, 5, LIMITS)).rejects.toThrow('record 1 cannot be read back');
});
