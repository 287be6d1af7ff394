/** The war room reads gate and reconciliation as the verbs freeze them, and takes nothing else for a verdict. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { storeEvidence } from '../adapters/evidence-files.ts';
import type { Evidence } from '../core/evidence.ts';
import type { Equation, GateLine } from '../core/war-room/feed.ts';
import { EvidenceReader } from './evidence.ts';

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

async function readGate(folderOf: string, nowMs: number): Promise<GateLine | null> {
  const reader = new EvidenceReader(folderOf);
  await reader.look();
  return reader.gate(nowMs);
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

const EQUATION: Omit<Equation, 'at'> = {
  owed: 10,
  delivered: 8,
  destinationRejected: 1,
  filtered: 0,
  unexplained: 1,
  decisions: 0,
  pending: 0,
  evidenceGrade: 'B',
  verdict: 'red',
};

function reconciledAt(minute: number, owed: number, names: readonly string[]): Evidence {
  const at = `2026-11-28T03:${minute}:00.000Z`;
  const body = { connections: names.map((name) => ({ name, ...EQUATION, owed })) };
  return { kind: 'reconciliation', deployment: 'lab', stack: 'night', at, connections: [...names], body };
}

test('each connection has the equation of the newest reconciliation that speaks of it, also one that comes while it watches', async () => {
  await storeEvidence(folder, reconciledAt(10, 10, ['a', 'b']));
  const reader = new EvidenceReader(folder);
  await reader.look();
  await storeEvidence(folder, reconciledAt(20, 12, ['a']));
  await storeEvidence(folder, reconciledAt(15, 11, ['a']));
  await reader.look();
  expect(reader.equationOf('a')).toEqual({ ...EQUATION, owed: 12, at: '2026-11-28T03:20:00.000Z' });
  expect(reader.equationOf('b')?.owed).toBe(10);
  expect(reader.equationOf('c')).toBeNull();
});
