import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../core/canonical-json.ts';
import { readApprovals, readSignedDocument, storeSignature } from './approval-files.ts';

const NOW = Date.parse('2026-01-15T00:00:00Z');

test('only documents whose name is their digest count, oldest first', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'approvals-'));
  try {
    const later = { target: 'switched', connections: [{ name: 'a', fromEpoch: 2 }], notBefore: '2026-02-01T00:00:00Z' };
    const earlier = { ...later, notBefore: '2026-01-01T00:00:00Z' };
    for (const document of [later, earlier]) await writeFile(fileOf(folder, document), JSON.stringify(document));
    await writeFile(fileOf(folder, { ...later, target: 'decommissioned' }), JSON.stringify(later));
    await writeFile(join(folder, `${'0'.repeat(64)}.json`), 'no JSON');
    const approvals = await readApprovals(folder, NOW);
    expect(approvals.map(({ digest }) => digest)).toEqual([digestOf(earlier), digestOf(later)]);
    expect(approvals[0]).toMatchObject({ target: 'switched', connections: [{ name: 'a', fromEpoch: 2 }] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('no folder: no approvals', async () => {
  expect(await readApprovals('/nowhere', NOW)).toEqual([]);
});

test('each signer has a file in the folder, whatever the name: none leaves it, and none overwrites another’s', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'approvals-'));
  try {
    const document = { target: 'switched' };
    await writeFile(fileOf(folder, document), JSON.stringify(document));
    const long = 'n'.repeat(80);
    const signers = ['ann@lab.example', '../../ann', '__/__/ann', 'ann lab', 'ann_lab', 'änn', `${long}1`, `${long}2`];
    for (const signer of signers) await storeSignature(folder, digestOf(document), signer, `by ${signer}`);
    const read = await readSignedDocument(folder, digestOf(document));
    expect(read?.signatures.map(({ text }) => text).sort()).toEqual(signers.map((signer) => `by ${signer}`).sort());
    expect(await readdir(folder)).toHaveLength(1 + signers.length);
    expect(await readdir(folder)).toContain(`${digestOf(document).slice(7)}.ann@lab.example.sig`);
    // Who signs again replaces their own.
    await storeSignature(folder, digestOf(document), '../../ann', 'again');
    expect(await readdir(folder)).toHaveLength(1 + signers.length);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function fileOf(folder: string, document: Parameters<typeof digestOf>[0]): string {
  return join(folder, `${digestOf(document).replace('sha256:', '')}.json`);
}
