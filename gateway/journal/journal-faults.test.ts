/** The journal on a disk that fails: crashes, failed writes and syncs, damage. */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { JournalCorruptError } from './errors.ts';
import {
  Journal,
  type JournalEvents,
  type JournalOptions,
  type JournalRecord,
  type RecoveryReport,
} from './journal.ts';
import { type DiskOperation, type Fate, MemoryFiles } from './memory-files.ts';
import { segmentName } from './segment.ts';

const DIR = '/journal';

class Watermarks implements JournalEvents {
  writtenUpTo: number;
  durableUpTo: number;
  readonly failures: number[] = [];
  readonly shrunk: string[] = [];
  constructor(start: number) {
    this.writtenUpTo = start;
    this.durableUpTo = start;
  }
  written(upTo: number): void {
    if (upTo < this.writtenUpTo) this.shrunk.push(`written ${this.writtenUpTo} → ${upTo}`);
    this.writtenUpTo = upTo;
  }
  durable(upTo: number): void {
    if (upTo < this.durableUpTo || upTo > this.writtenUpTo) this.shrunk.push(`durable ${this.durableUpTo} → ${upTo}`);
    this.durableUpTo = upTo;
  }
  failed(_: Error, lastDurable: number): void {
    this.failures.push(lastDurable);
  }
  segmentStarted(): void {}
}

function optionsOf(files: MemoryFiles, events: JournalEvents, more: Partial<JournalOptions> = {}): JournalOptions {
  const wait = () => turn();
  return {
    dir: DIR,
    shard: 0,
    incarnation: 'a',
    segmentBytes: 2048,
    unsyncedLimitBytes: 3000,
    gatherMs: 0,
    files,
    events,
    wait,
    ...more,
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

async function collect(records: AsyncIterable<JournalRecord>): Promise<JournalRecord[]> {
  const found: JournalRecord[] = [];
  for await (const one of records) found.push(one);
  return found;
}

/** A small deterministic generator (mulberry32), so that a failing run can be repeated from its seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      bytes: fc.integer({ min: -1, max: 900 }),
      durable: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const), back: fc.integer({ min: 0, max: 20 }) }) },
);
const life = fc.record({
  steps: fc.array(step, { maxLength: 40 }),
  end: fc.constantFrom('crash' as const, 'kill' as const, 'close' as const),
  faults: fc.constantFrom(0, 0, 0.02, 0.15),
  /** False: it dies while it opens the journal. */
  opens: fc.constantFrom(true, true, true, false),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const LAST_LIFE = { steps: [], end: 'close', faults: 0, opens: true } as const;

/** What the outside has been told, and what was appended under which offset. */
class Truth {
  readonly sizes = new Map<number, number>();
  knownDurable = 0;
  knownWritten = 0;
  nextOffset = 1;
  purgedBelow = 1;
  /** Null: the process died while it was opening the journal, so either is right. */
  endedClean: boolean | null = true;

  judge(records: readonly JournalRecord[], report: RecoveryReport): void {
    const first = records[0]?.offset ?? report.nextOffset;
    expect(first).toBeLessThanOrEqual(this.purgedBelow);
    expect(records.map((one) => one.offset)).toEqual(records.map((_, index) => first + index));
    expect(report.nextOffset).toBe(first + records.length);
    expect(report.nextOffset).toBeGreaterThan(Math.max(this.knownDurable, this.knownWritten));
    expect(report.nextOffset).toBeLessThanOrEqual(this.nextOffset);
    if (this.endedClean !== null) expect(report.clean).toBe(this.endedClean);
    for (const one of records) expect(one.payload?.byteLength ?? -1).toBe(this.sizes.get(one.offset));
    for (const one of records) expect(one.meta).toEqual({ n: one.offset });
    this.nextOffset = report.nextOffset;
    this.know(report.nextOffset - 1, report.nextOffset - 1);
  }

  know(durable: number, written: number): void {
    this.knownDurable = durable;
    this.knownWritten = written;
  }
}

async function play(one: Step, journal: Journal, truth: Truth, marks: Watermarks): Promise<void> {
  switch (one.do) {
    case 'append': {
      const offset = truth.nextOffset;
      const payload = one.bytes < 0 ? null : new Uint8Array(one.bytes).fill(offset);
      journal.append({ offset, meta: { n: offset }, payload }, one.durable ? 'durable' : 'written');
      truth.sizes.set(offset, one.bytes);
      truth.nextOffset += 1;
      return;
    }
    case 'turns':
      return turns(one.count);
    case 'purge': {
      const below = Math.max(1, marks.durableUpTo - one.back);
      truth.purgedBelow = Math.max(truth.purgedBelow, below);
      await journal.purgeBefore(below).catch(() => undefined);
    }
  }
}

test('whatever happens, recovery finds a gapless prefix that holds everything that was reported', async () => {
  const lives = fc.array(life, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(lives, fc.integer(), fc.boolean(), fc.boolean(), async (all, seed, writesNow, isSealed) => {
      const random = randomOf(seed);
      const truth = new Truth();
      const keys = isSealed ? [new Uint8Array(32).fill(7)] : [];
      let files = new MemoryFiles();
      for (const { steps, end, faults, opens } of [...all, LAST_LIFE]) {
        let faulty = false;
        const fate = (operation: DiskOperation): Fate => {
          if (!faulty || random() >= faults) return 'works';
          return operation === 'write' && random() < 1 / 2 ? { tornAt: Math.floor(random() * 600) } : 'fails';
        };
        files = files.kill({ delay: turn, fate, writesNow });
        const marks = new Watermarks(0);
        const opening = Journal.open(optionsOf(files, marks, { keys }));
        if (!opens) {
          await Promise.race([opening, turns(steps.length)]);
          truth.endedClean = null;
          if (end === 'crash') truth.knownWritten = 0;
          files = end === 'crash' ? files.crash(random) : files.kill();
          continue;
        }
        const { journal, recovered, report } = await opening;
        truth.judge(await collect(recovered), report);
        marks.writtenUpTo = truth.nextOffset - 1;
        marks.durableUpTo = truth.nextOffset - 1;
        faulty = true;
        for (const one of steps) await play(one, journal, truth, marks);
        truth.endedClean = end === 'close';
        if (end === 'close') {
          faulty = false;
          await journal.close();
          truth.know(truth.nextOffset - 1, truth.nextOffset - 1);
        } else {
          truth.know(marks.durableUpTo, end === 'crash' ? 0 : marks.writtenUpTo);
          files = end === 'crash' ? files.crash(random) : files.kill();
        }
        expect(marks.shrunk).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
}, 120_000);

async function started(
  files: MemoryFiles,
  events: JournalEvents,
  more: Partial<JournalOptions> = {},
): Promise<Journal> {
  return (await Journal.open(optionsOf(files, events, more))).journal;
}

function append(journal: Journal, offset: number, needs: 'written' | 'durable' = 'durable', bytes = 50): void {
  journal.append({ offset, meta: { n: offset }, payload: new Uint8Array(bytes).fill(offset) }, needs);
}

test('a failed sync is never tried again on its file: the records go to a fresh segment under their offsets', async () => {
  let failing = false;
  let syncs = 0;
  let failedAt = 0;
  let afterFailure = '';
  const files = new MemoryFiles({
    fate: (operation) => {
      if (failedAt > 0 && afterFailure === '') afterFailure = operation;
      if (operation !== 'sync') return 'works';
      syncs += 1;
      if (!failing) return 'works';
      failing = false;
      failedAt = syncs;
      return 'fails';
    },
  });
  const marks = new Watermarks(0);
  const journal = await started(files, marks, { segmentBytes: 1 << 16 });
  append(journal, 1);
  await vi.waitFor(() => expect(marks.durableUpTo).toBe(1), { timeout: 60_000 });
  failing = true;
  append(journal, 2, 'written');
  append(journal, 3, 'durable');
  await vi.waitFor(() => expect(marks.durableUpTo).toBe(3), { timeout: 60_000 });
  expect(marks.failures).toEqual([1]);
  // No second sync of the old file: what comes next makes room for a new one, which is synced once.
  expect(afterFailure).toBe('remove');
  expect(syncs).toBe(failedAt + 1);
  expect(journal.usage().segments).toBe(2);
  expect((await journal.read(2)).payload?.[0]).toBe(2);
  append(journal, 4);
  await vi.waitFor(() => expect(marks.durableUpTo).toBe(4), { timeout: 60_000 });
  const after = files.crash(() => 0);
  const again = await Journal.open(optionsOf(after, new Watermarks(0)));
  expect((await collect(again.recovered)).map((one) => one.payload?.[0])).toEqual([1, 2, 3, 4]);
});

test('a kill between a failed sync and the fresh segment forgets nothing that was written', async () => {
  let failing = false;
  const files = new MemoryFiles({ fate: (operation) => (failing && operation !== 'write' ? 'fails' : 'works') });
  const marks = new Watermarks(0);
  const journal = await started(files, marks);
  append(journal, 1);
  await vi.waitFor(() => expect(marks.durableUpTo).toBe(1), { timeout: 60_000 });
  failing = true;
  append(journal, 2);
  await vi.waitFor(() => expect(marks.failures.length).toBeGreaterThan(2), { timeout: 60_000 });
  expect(marks.durableUpTo).toBe(1);
  expect(marks.writtenUpTo).toBe(2);
  const killed = files.kill();
  const second = await Journal.open(optionsOf(killed, new Watermarks(0)));
  expect(second.report).toMatchObject({ clean: false, nextOffset: 3 });
  // The page cache alone held record 2; opening has put it on disk, so now the power may fail.
  const third = await Journal.open(
    optionsOf(
      killed.crash(() => 0),
      new Watermarks(0),
    ),
  );
  expect(third.report.nextOffset).toBe(3);
});

test('closing on a dead disk rejects and reports nothing durable', async () => {
  let failing = false;
  const files = new MemoryFiles({ fate: () => (failing ? 'fails' : 'works') });
  const marks = new Watermarks(0);
  const journal = await started(files, marks);
  failing = true;
  append(journal, 1);
  await expect(journal.close()).rejects.toThrow('EIO');
  expect(marks.durableUpTo).toBe(0);
});

test('a torn last batch is cut and reported; the record before it stays', async () => {
  const files = new MemoryFiles();
  const marks = new Watermarks(0);
  const journal = await started(files, marks, { segmentBytes: 1 << 16 });
  append(journal, 1);
  await vi.waitFor(() => expect(marks.durableUpTo).toBe(1), { timeout: 60_000 });
  const before = files.contents(`${DIR}/${segmentName(1)}`).findLastIndex((byte) => byte !== 0) + 1;
  append(journal, 2, 'durable', 500);
  await vi.waitFor(() => expect(marks.durableUpTo).toBe(2), { timeout: 60_000 });
  const killed = files.kill();
  killed.damage(`${DIR}/${segmentName(1)}`, before + 200, (byte) => byte ^ 1);
  const again = await Journal.open(optionsOf(killed, new Watermarks(0)));
  expect(again.report).toMatchObject({ clean: false, records: 1, nextOffset: 2, cut: { segment: 1, at: before } });
  expect(again.report.cut?.bytes).toBeGreaterThan(500);
  append(again.journal, 2);
  await again.journal.close();
  const third = await Journal.open(optionsOf(killed, new Watermarks(0)));
  expect(third.report).toEqual({ clean: true, records: 2, nextOffset: 3, cut: null });
});

test('a crash is one even when nothing was synced since a clean start', async () => {
  const files = new MemoryFiles();
  await (await started(files, new Watermarks(0))).close();
  const marks = new Watermarks(0);
  const again = await Journal.open(optionsOf(files, marks));
  expect(again.report.clean).toBe(true);
  append(again.journal, 1, 'written');
  await vi.waitFor(() => expect(marks.writtenUpTo).toBe(1), { timeout: 60_000 });
  const after = await Journal.open(
    optionsOf(
      files.crash(() => 0),
      new Watermarks(0),
    ),
  );
  expect(after.report).toMatchObject({ clean: false, nextOffset: 1 });
});

test('damage to what later batches prove durable stops the shard, wherever it is', async () => {
  const disk = async () => {
    const files = new MemoryFiles();
    const marks = new Watermarks(0);
    const journal = await started(files, marks);
    for (let offset = 1; offset <= 40; offset++) {
      append(journal, offset, 'durable', 100);
      await vi.waitFor(() => expect(marks.durableUpTo).toBe(offset), { interval: 1, timeout: 60_000 });
    }
    await journal.close();
    return files;
  };
  const intact = await disk();
  const segments = (await intact.list(DIR)).sort();
  expect(segments.length).toBeGreaterThan(2);
  for (const name of segments) {
    const files = await disk();
    const path = `${DIR}/${name}`;
    const firstZero = files.contents(path).findLastIndex((byte) => byte !== 0);
    files.damage(path, Math.min(300, firstZero - 100), (byte) => byte ^ 0x10);
    const opening = Journal.open(optionsOf(files, new Watermarks(0)));
    await expect(opening).rejects.toThrow(JournalCorruptError);
    await expect(opening).rejects.toMatchObject({ code: 'batch-bad', segment: Number(name.slice(8, 18)) });
  }
  const headless = await disk();
  headless.damage(`${DIR}/${segments[1]}`, 20, (byte) => byte ^ 1);
  await expect(Journal.open(optionsOf(headless, new Watermarks(0)))).rejects.toMatchObject({
    code: 'segment-header-bad',
  });
  const gap = await disk();
  await gap.remove(`${DIR}/${segments[1]}`);
  await expect(Journal.open(optionsOf(gap, new Watermarks(0)))).rejects.toMatchObject({ code: 'segment-missing' });
});
