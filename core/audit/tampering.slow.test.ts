/**
 * The whole exported ledger of 1,000 entries: every byte of it changed, each time in another bit; every eighth is removed as
 * well. What else a byte can become is tried with one entry of each kind in `tampering.test.ts`.
 */
import { expect, test } from 'vitest';
import { BYTES, LINES, naming, verdictOn } from './test-export.ts';

const LIMIT_MS = 900_000;

test(
  'every byte of 1,000 entries, changed, and every eighth removed: its entry is named',
  () => {
    const missed: string[] = [];
    let changed = 0;
    for (const { seq, line } of LINES) {
      const [inside, end] = [naming(seq), naming(seq, line.length - 1)];
      for (let at = 0; at < line.length; at++) {
        const pattern = at === line.length - 1 ? end : inside;
        const another = (line[at] ?? 0) ^ (1 << (changed % 8));
        if (!pattern.test(verdictOn(seq, at, [another]))) missed.push(`entry ${seq}, byte ${at}: ${another}`);
        if (changed % 8 === 7 && !pattern.test(verdictOn(seq, at, [])))
          missed.push(`entry ${seq}, byte ${at}: removed`);
        changed++;
      }
    }
    expect(missed).toEqual([]);
    expect([LINES.length, changed]).toEqual([1000, BYTES.length]);
  },
  LIMIT_MS,
);
