import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../canonical-json.ts';
import { MerkleTree } from './merkle.ts';
import { type ProofLine, proofLineText, sealProof, verifyProof } from './proof-file.ts';

async function* each(lines: readonly string[]): AsyncGenerator<string, void, void> {
  yield* lines;
}

function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function lineOf(n: number): string {
  const line: ProofLine = {
    connection: 'north-orders',
    at: `0/abc/${n}`,
    msh10: `M${n}`,
    sha256: sha(`in ${n}`),
    class: 'delivered',
    delivered: [sha(`out ${n}`)],
  };
  return proofLineText(line);
}

function fileOf(count: number): string[] {
  const lines = Array.from({ length: count }, (_, n) => lineOf(n + 1));
  const tree = new MerkleTree();
  for (const line of lines) tree.add(line);
  const head = sealProof(tree, {
    deployment: 'lab',
    since: '2026-06-01T00:00:00.000Z',
    until: '2026-06-02T00:00:00.000Z',
    connections: ['north-orders'],
  });
  return [canonicalJson(head), ...lines];
}

/** As RFC 6962 defines it, by recursion. */
function rootByDefinition(lines: readonly string[]): Buffer {
  const [only] = lines;
  if (only === undefined) return createHash('sha256').digest();
  if (lines.length === 1)
    return createHash('sha256')
      .update(Buffer.from([0]))
      .update(only, 'utf8')
      .digest();
  let split = 1;
  while (split * 2 < lines.length) split *= 2;
  return createHash('sha256')
    .update(Buffer.from([1]))
    .update(rootByDefinition(lines.slice(0, split)))
    .update(rootByDefinition(lines.slice(split)))
    .digest();
}

test('the root is that of RFC 6962, whatever the number of lines', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 70 }), (lines) => {
      const tree = new MerkleTree();
      for (const line of lines) tree.add(line);
      expect(tree.root()).toBe(`sha256:${rootByDefinition(lines).toString('hex')}`);
    }),
  );
});

test('a file as it was written is verified, with and without a root that was kept elsewhere', async () => {
  const lines = fileOf(11);
  const verified = await verifyProof(each(lines), null);
  expect(verified).toMatchObject({ ok: true, head: { messages: 11 } });
  if (!verified.ok) throw new Error('it is verified');
  expect(Object.fromEntries(verified.classes)).toEqual({ delivered: 11 });
  expect(await verifyProof(each(lines), verified.head.root)).toMatchObject({ ok: true });
  expect(await verifyProof(each(lines), `sha256:${'0'.repeat(64)}`)).toMatchObject({ ok: false });
});

test('any change of any character of any line shows, the head included', async () => {
  const lines = fileOf(5);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(lines.length - 1),
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      async (at, place, by) => {
        const line = lines[at] ?? '';
        const where = place % line.length;
        const changed = line.slice(0, where) + by + line.slice(where + 1);
        fc.pre(changed !== line);
        expect((await verifyProof(each(lines.with(at, changed)), null)).ok).toBe(false);
      },
    ),
    { numRuns: 500 },
  );
});

test('a line that is removed, added, doubled or moved shows', async () => {
  const lines = fileOf(6);
  const [head = '', ...rest] = lines;
  const tampered = [
    [head, ...rest.slice(1)],
    [head, ...rest, lineOf(7)],
    [head, ...rest.slice(0, 5), rest[4] ?? ''],
    [head, ...rest.toReversed()],
    [head.replace('"messages":6', '"messages":5'), ...rest.slice(0, 5)],
    rest,
    [],
  ];
  for (const file of tampered) expect((await verifyProof(each(file), null)).ok).toBe(false);
});
