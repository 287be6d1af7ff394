/**
 * For the tests of rule 12: a gateway of target production with its signers, documents that people sign or forge, and
 * what the gateway has kept of those it refused. Nothing between them but the admin API.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RefusedMove, refusedMoveSchema } from '../../core/admin-api.ts';
import type { TestKey } from '../../core/ssh/test-keys.ts';
import { type Estate, type Line, type LineOptions, startEstate } from './peers.ts';

const HOUR_MS = 3_600_000;
export const DEPLOYMENT = 'lab-rules-1';

export type Presented = { readonly document: string; readonly signatures: readonly string[] };
export type Reply = { readonly status: number; readonly body: Record<string, unknown> };

export type Production = {
  readonly estate: Estate;
  /** The files that the gateway was started with. */
  readonly signers: string;
  readonly revoked: string;
};

/** `credentials`: name → token, each with the role `move`, beside the one that `init` makes. */
export async function startProduction(
  lines: Readonly<Record<string, LineOptions>>,
  signerLines: readonly string[],
  credentials: Readonly<Record<string, string>> = {},
): Promise<Production> {
  const estate = await startEstate(lines, true);
  for (const line of Object.values(estate.lines)) for (const peer of line.peers) peer.answerAll();
  await estate.init('--target', 'production');
  const file = join(estate.dataDir, 'credentials.json');
  const known: object[] = JSON.parse(await readFile(file, 'utf8'));
  const more = Object.entries(credentials).map(([name, token]) => ({
    name,
    role: 'move',
    sha256: createHash('sha256').update(token).digest('hex'),
  }));
  await writeFile(file, JSON.stringify([...known, ...more]));
  const [signers, revoked] = [join(estate.folder, 'signers'), join(estate.folder, 'revoked')];
  await writeFile(signers, `${signerLines.join('\n')}\n`);
  await writeFile(revoked, '# nobody yet\n');
  estate.args = ['--signers', signers, '--revoked', revoked];
  await estate.start();
  return { estate, signers, revoked };
}

export const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();

/** Canonical, however its members are given; allows two switches of `name` from epoch 2 on, for four hours. */
export function documentOf(name: string, over: object = {}): string {
  const document = {
    deployment: DEPLOYMENT,
    connections: [{ name, fromEpoch: 2 }],
    target: 'switched',
    maxWeight: 50,
    evidence: `sha256:${'e'.repeat(64)}`,
    notBefore: inHours(-1),
    notAfter: inHours(4),
    attempts: 2,
    ...over,
  };
  const connections = document.connections.map(({ name: own, fromEpoch }) => ({ fromEpoch, name: own }));
  const sorted = Object.entries({ ...document, connections }).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted));
}

export function signedBy(keys: readonly TestKey[], document: string, namespace = 'cutover-approval'): Presented {
  return { document, signatures: keys.map((key) => key.sign(document, namespace)) };
}

/** Asks for the switch of a connection at epoch 2, unless `over` says otherwise. */
export function present(line: Line, estate: Estate, approval: object | null, over: object = {}, token?: string) {
  const move = { phase: 'switched', newWeight: 0, expectedEpoch: 2, ...over };
  const body = { requestId: `request-${Math.random()}`, ...move, ...(approval === null ? {} : { approval }) };
  return estate.call('PUT', `connections/${line.name}/route`, body, token);
}

export type Refusals = { readonly total: number; readonly entries: readonly RefusedMove[] };

/** Newest first. */
export async function refusalsOf(estate: Estate): Promise<Refusals> {
  const { body } = await estate.call('GET', 'refusals');
  const entries = refusedMoveSchema.array().parse(body.entries);
  return { total: Number(body.total), entries };
}
