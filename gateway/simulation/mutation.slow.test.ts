/**
 * The simulation must notice what breaks rules 1 to 9 and 14: every mutant of the list, in one place each, is caught within
 * the stated seeds; one whose text is gone fails the run.
 */
import { describe, expect, it } from 'vitest';
import type { Mutant } from './mutants/mutant.ts';
import { MUTANTS } from './mutants.ts';
import { huntAll, huntUnbroken } from './mutation.ts';

const LIMITS = { seeds: 8, steps: 10_000, processes: 2 };
const LIMIT_MS = 1_500_000;

describe('mutants of the engine (rules 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14)', () => {
  it('there are at least 40, each with a name of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(40);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it(
    'the engine as it is passes the same nights, so that a catch means something',
    async () => {
      expect(await huntUnbroken(LIMITS)).toBeNull();
    },
    LIMIT_MS,
  );

  it(
    `each is caught within ${LIMITS.seeds} seeds of ${LIMITS.steps} steps of every scenario`,
    async () => {
      const outcomes = await huntAll(MUTANTS, LIMITS);
      const survivors = outcomes.filter(({ caught }) => caught === null).map(({ mutant }) => mutant.name);
      expect(survivors).toEqual([]);
    },
    LIMIT_MS,
  );

  it('a change that breaks nothing survives, so that being caught means something', async () => {
    const harmless: Mutant = {
      name: 'harmless',
      rule: 0,
      file: 'gateway/engine/swap.ts',
      find: 'const REPORT_WAIT_MS = 2000;',
      replace: 'const REPORT_WAIT_MS = 2001;',
    };
    const [outcome] = await huntAll([harmless], { seeds: 1, steps: 2000, processes: 1 });
    expect(outcome?.caught).toBeNull();
  });

  it('a mutant whose text is not found fails the run', async () => {
    const rotten: Mutant = {
      name: 'rotten',
      rule: 0,
      file: 'gateway/engine/swap.ts',
      find: 'no such text',
      replace: '',
    };
    await expect(huntAll([rotten], { seeds: 1, steps: 10, processes: 1 })).rejects.toThrow('found 0 times');
  });
});
