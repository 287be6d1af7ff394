/** The war room reads the gate as `gate` freezes it, and takes nothing else for a verdict. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { storeEvidence } from '../adapters/evidence-files.ts';
import type { Evidence } from '../core/evidence.ts';
import { readGate } from './sources.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-war-room-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const criteria = [{ id: 'window', verdict: 'green', reason: 'open', title: 'window', evidence: [] }];

function gateAt(minute: number, verdict: 'green' | 'red'): Evidence {
  const at = `2026-11-28T03:${minute}:00.000Z`;
  const body = { verdict, at, expiresAt: '2026-11-28T05:00:00.000Z', criteria };
  return { kind: 'gate', deployment: 'lab', stack: 'night', at, connections: ['a'], body };
}

const AT_FOUR = Date.parse('2026-11-28T04:00:00Z');

test('given two verdicts of the gate and other evidence, then the newest gate is shown with its criteria', async () => {
  await storeEvidence(folder, gateAt(10, 'red'));
  const { digest } = await storeEvidence(folder, gateAt(20, 'green'));
  await storeEvidence(folder, { ...gateAt(30, 'red'), kind: 'drill' });
  expect(await readGate(folder, AT_FOUR)).toMatchObject({
    verdict: 'green',
    digest,
    criteria: [{ id: 'window', verdict: 'green', reason: 'open' }],
  });
});

test('given a green verdict past its time, then it is not shown as green', async () => {
  await storeEvidence(folder, gateAt(20, 'green'));
  expect((await readGate(folder, AT_FOUR + 3_600_000))?.verdict).toBe(
    'expired at 2026-11-28T05:00:00.000Z (was green)',
  );
});

test('given a file that was changed by hand, then it is no verdict', async () => {
  const { digest, text } = await storeEvidence(folder, gateAt(20, 'red'));
  await writeFile(join(folder, `${digest.replace('sha256:', '')}.json`), text.replace('"red"', '"green"'));
  expect(await readGate(folder, AT_FOUR)).toBeNull();
});
