/**
 * The whole exported ledger of 1,000 entries: a third of its bytes, another third in each entry, changed or removed. Entries are
 * alike, so every place of one is changed hundreds of times; every byte of one of each kind is in `tampering.test.ts`.
 */
import { expect, test } from 'vitest';
import { LINES, naming, verdictOn } from './test-export.ts';

const LIMIT_MS = 900_000;

test(
  'any byte of 1,000 entries, changed or removed: its entry is named',
  () => {
    const missed: string[] = [];
    let count = 0;
    for (const { seq, line } of LINES) {
      const [inside, end] = [naming(seq), naming(seq, line.length - 1)];
      for (let at = seq % 3; at < line.length; at += 3) {
        // Another bit each time; every eighth byte goes.
        const instead = count % 8 === 7 ? [] : [(line[at] ?? 0) ^ (1 << (count % 7))];
        const pattern = at === line.length - 1 ? end : inside;
        if (!pattern.test(verdictOn(seq, at, instead))) missed.push(`entry ${seq}, byte ${at}: ${instead}`);
        count++;
      }
    }
    expect(missed).toEqual([]);
    expect(count).toBeGreaterThan(200_000);
  },
  LIMIT_MS,
);
