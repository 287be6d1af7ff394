import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canonicalJson } from '../core/canonical-json.ts';
import { MerkleTree } from '../core/reconcile/merkle.ts';
import { proofLineText, sealProof } from '../core/reconcile/proof-file.ts';
import { verifyProofFile } from './proof-file.ts';

/** An id that was no text is in it as U+FFFD, which is also what a careless reader makes of any byte that is no text. */
function proofText(): string {
  const tree = new MerkleTree();
  const sha256 = 'a'.repeat(64);
  const lines = ['M\ufffd1', 'Mü2'].map((msh10, at) =>
    proofLineText({ connection: 'north', at: `0/x/${at + 1}`, msh10, sha256, class: 'delivered', delivered: [sha256] }),
  );
  for (const line of lines) tree.add(line);
  const about = { deployment: 'lab', since: 'a', until: 'b', connections: ['north'] };
  return `${[canonicalJson(sealProof(tree, about)), ...lines].join('\n')}\n`;
}

test('a byte of a proof file counts wherever it stands, also where it is changed to one that is no text', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'proof-'));
  try {
    const file = join(folder, 'a.proof');
    const whole = Buffer.from(proofText());
    await writeFile(file, whole);
    expect(await verifyProofFile(file, null)).toMatchObject({ ok: true, head: { messages: 2 } });
    const place = whole.indexOf('\ufffd');
    const every = Array.from({ length: 60 }, (_, index) => Math.floor((index * whole.length) / 60));
    for (const at of [...every, place, place + 1, place + 2, whole.length - 1]) {
      const byte = [0xff, 0x0a, (whole[at] ?? 0) ^ 1][at % 3] ?? 0;
      if (whole[at] === byte) continue;
      await writeFile(file, whole.with(at, byte));
      expect([at, byte, (await verifyProofFile(file, null)).ok]).toEqual([at, byte, false]);
    }
    // The three bytes of U+FFFD by one that is read as it.
    await writeFile(file, Buffer.concat([whole.subarray(0, place), Buffer.from([0xff]), whole.subarray(place + 3)]));
    expect(await verifyProofFile(file, null)).toMatchObject({ ok: false, line: 2 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
