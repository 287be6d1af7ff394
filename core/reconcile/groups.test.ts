import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Ours, resolveGroup, type Theirs } from './groups.ts';

function our(n: number, digest: string, atMs = n, inWindow = true): Ours {
  return {
    id: { msh10: 'SAME', sha256: digest.slice(0, 12), at: `0/${n}` },
    digest: digest.padEnd(64, '0'),
    atMs,
    inWindow,
  };
}

function their(row: number, digest: string | null, atMs: number | null = null, inWindow = true): Theirs {
  return { row, digest: digest?.padEnd(64, '0') ?? null, atMs, inWindow };
}

const places = (ours: readonly Ours[]): string[] => ours.map(({ id }) => id.at);

test('given one id five times and four rows with digests, then the very one is named', () => {
  const ours = ['a', 'b', 'c', 'd', 'e'].map((digest, n) => our(n, digest));
  const result = resolveGroup(
    ours,
    ['e', 'a', 'd', 'b'].map((digest, row) => their(row, digest)),
  );
  expect(places(result.missing)).toEqual(['0/2']);
  expect(result).toMatchObject({ surplus: [], isAmbiguous: false });
});

test('given as many rows as messages, then digests still tell a lost and a doubled one', () => {
  const result = resolveGroup([our(1, 'a'), our(2, 'b')], [their(1, 'a'), their(2, 'a')]);
  expect(places(result.missing)).toEqual(['0/2']);
  expect(result.surplus.map(({ row, of }) => [row.row, of?.id.at])).toEqual([[2, '0/1']]);
});

test('given no digests, then times tell which one is lost', () => {
  const ours = [our(1, 'a', 1000), our(2, 'b', 2000), our(3, 'c', 3000)];
  const result = resolveGroup(ours, [their(1, null, 1040), their(2, null, 3050)]);
  expect(places(result.missing)).toEqual(['0/2']);
  expect(result.isAmbiguous).toBe(false);
});

test('given neither, then the number is right and it is said that the choice is a guess', () => {
  const result = resolveGroup([our(1, 'a'), our(2, 'b'), our(3, 'c')], [their(1, null), their(2, null)]);
  expect(result.missing).toHaveLength(1);
  expect(result.isAmbiguous).toBe(true);
});

test('given a row with a digest that nothing has, then it is a stranger and what we have is missing', () => {
  const result = resolveGroup([our(1, 'a')], [their(1, 'f')]);
  expect(places(result.missing)).toEqual(['0/1']);
  expect(result.surplus).toMatchObject([{ of: null }]);
});

test('given a message near the edge, then a row beyond it meets it and neither is missing nor unexpected', () => {
  expect(resolveGroup([our(1, 'a', 10, true)], [their(1, 'a', 20, false)])).toMatchObject({ missing: [], surplus: [] });
  expect(resolveGroup([our(1, 'a', 10, false)], [])).toMatchObject({ missing: [] });
  expect(resolveGroup([], [their(1, 'a', 10, false)])).toMatchObject({ surplus: [] });
});

test('whatever is given: nothing is counted twice, and the difference of the counts is right', () => {
  const digest = fc.constantFrom('a', 'b', 'c');
  fc.assert(
    fc.property(
      fc.array(digest, { maxLength: 8 }),
      fc.array(fc.option(digest), { maxLength: 8 }),
      (ourDigests, theirDigests) => {
        const ours = ourDigests.map((one, n) => our(n, one));
        const { met, missing, surplus } = resolveGroup(
          ours,
          theirDigests.map((one, row) => their(row, one, row)),
        );
        expect(met.length + missing.length).toBe(ours.length);
        expect(new Set(places([...met, ...missing])).size).toBe(ours.length);
        expect(surplus.length - missing.length).toBe(theirDigests.length - ours.length);
      },
    ),
  );
});
