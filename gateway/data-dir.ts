/**
 * A gateway's data directory: born once, with an identity that never changes, and opened by one process at a time.
 * `identity.json` is written last, so that a directory without it was never born.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { generate } from 'selfsigned';
import { z } from 'zod';
import { makeFolder } from '../adapters/make-folder.ts';
import type { Inventory } from '../core/inventory.ts';
import { type Credential, credentialsSchema, digestOfToken, sharedToken } from './admin/credentials.ts';
import { type DataDirLock, lockDataDir } from './data-dir-lock.ts';
import { Journal } from './journal/journal.ts';

export const identitySchema = z.strictObject({
  shard: z.int().min(0),
  incarnation: z.string().min(8).max(64),
  deployment: z.string().min(1),
  target: z.enum(['local', 'production']),
  createdAt: z.iso.datetime(),
  /** Of a restored one: whose records its journal begins with, and up to which offset. */
  restoredFrom: z.strictObject({ incarnation: z.string().min(8).max(64), upTo: z.int().min(0) }).optional(),
});
export type Identity = z.output<typeof identitySchema>;

export type DataDirRefusalCode =
  | 'data-dir-exists'
  | 'data-dir-not-empty'
  | 'data-dir-absent'
  | 'data-dir-damaged'
  | 'credentials-shared'
  | 'data-dir-in-use'
  | 'restore-interrupted'
  | 'deployment-mismatch'
  | 'shard-mismatch'
  | 'target-mismatch';

export type DataDirRefusal = {
  readonly code: DataDirRefusalCode;
  readonly message: string;
  readonly next: readonly string[];
};
export type DataDirResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: DataDirRefusal };

export type Birth = {
  readonly dataDir: string;
  readonly inventory: Pick<Inventory, 'deployment' | 'target' | 'gateways'>;
  readonly shard: number;
  readonly target: Identity['target'];
  readonly now: Date;
};

export type OpenedDataDir = {
  readonly path: string;
  readonly identity: Identity;
  /** The journal in it exists: open it with `mustExist`. */
  readonly journalDir: string;
  readonly credentials: readonly Credential[];
  /** PEM, for the admin API. */
  readonly certificate: string;
  readonly key: string;
  readonly lock: DataDirLock;
};

/** There while a restore is under way, so that an interrupted one is finished and not served. */
export const RESTORE_FILE = 'restore.json';
const CERTIFICATE_DAYS = 3650;
const DAY_MS = 86_400_000;
/** A mounted volume brings this folder along. */
const NOT_CONTENT = new Set(['lost+found']);

export function journalDirOf(dataDir: string): string {
  return join(dataDir, 'journal');
}

/** Gives birth to a data directory. Refused where one exists or where the folder holds anything else. */
export async function initDataDir(birth: Birth): Promise<DataDirResult<Identity>> {
  const dataDir = resolve(birth.dataDir);
  const { inventory, shard, target } = birth;
  const present = (await namesIn(dataDir)).filter((name) => !NOT_CONTENT.has(name));
  if (present.includes('identity.json')) {
    return refuse('data-dir-exists', `${dataDir} is a data directory already`, [
      `serve it: cutover gateway --inventory F --data-dir ${dataDir}`,
    ]);
  }
  if (present.length > 0) {
    return refuse(
      'data-dir-not-empty',
      `${dataDir} is not empty (${present.slice(0, 5).join(', ')}) and has no identity.json`,
      [
        'name an empty folder',
        'if an init was interrupted here, remove the folder and run it again; if this served before, restore it from its backup',
      ],
    );
  }
  const unfit = misfit(dataDir, { shard, target, deployment: inventory.deployment }, inventory);
  if (unfit !== null) return { ok: false, refusal: unfit };

  const identity: Identity = {
    shard,
    incarnation: randomUUID(),
    deployment: inventory.deployment,
    target,
    createdAt: birth.now.toISOString(),
  };
  makeFolder(dataDir, 0o700);
  await writeAccess(dataDir, birth.now);
  const { journal } = await Journal.open({ dir: journalDirOf(dataDir), ...identity, events: SILENT });
  await journal.close();
  await writeDurably(join(dataDir, 'identity.json'), `${JSON.stringify(identity, null, 2)}\n`, 0o600);
  return { ok: true, value: identity };
}

/** Locks and reads a data directory for the process that will serve it; `lock.release()` gives it back. */
export async function openDataDir(options: {
  readonly dataDir: string;
  readonly inventory: Pick<Inventory, 'deployment' | 'target' | 'gateways'>;
}): Promise<DataDirResult<OpenedDataDir>> {
  const path = resolve(options.dataDir);
  if (!(await namesIn(path)).includes('identity.json')) {
    return refuse(
      'data-dir-absent',
      `${path} is not a born data directory (no identity.json), so this gateway serves nobody`,
      [
        'if it served before: stop, and restore the whole folder from its volume snapshot or backup; an empty one would start again at epoch 1',
        `if it never existed: cutover gateway init --inventory F --data-dir ${path}`,
      ],
    );
  }
  const identity = await readJson(join(path, 'identity.json'), identitySchema);
  if (identity === null) return damaged(path, 'identity.json');
  if ((await namesIn(path)).includes(RESTORE_FILE)) {
    return refuse('restore-interrupted', `a restore of ${path} was interrupted`, [
      'run it again: cutover gateway init --restore --inventory F --data-dir D --known F --yes',
    ]);
  }
  const unfit = misfit(path, identity, options.inventory);
  if (unfit !== null) return { ok: false, refusal: unfit };

  const credentials = await credentialsIn(path);
  if (!credentials.ok) return credentials;
  const certificate = await readText(join(path, 'admin.crt'));
  if (certificate === null) return damaged(path, 'admin.crt');
  const key = await readText(join(path, 'admin.key'));
  if (key === null || !areOfOnePair(certificate, key)) return damaged(path, 'admin.key');
  const journalDir = journalDirOf(path);
  if ((await namesIn(journalDir)).length === 0) return damaged(path, 'journal/');

  const lock = await lockDataDir(path);
  if ('heldBy' in lock) {
    return refuse('data-dir-in-use', `${path} is served by ${lock.heldBy}`, [
      'stop that gateway first; one process serves a data directory',
    ]);
  }
  return { ok: true, value: { path, identity, journalDir, credentials: credentials.value, certificate, key, lock } };
}

export function areOfOnePair(cert: string, key: string): boolean {
  try {
    createSecureContext({ cert, key });
    return true;
  } catch {
    return false;
  }
}

/** Null where there is none that can be read. */
export function identityIn(dataDir: string): Promise<Identity | null> {
  return readJson(join(resolve(dataDir), 'identity.json'), identitySchema);
}

/** The credentials as they are on disk now. */
export async function credentialsIn(dataDir: string): Promise<DataDirResult<readonly Credential[]>> {
  const name = 'credentials.json';
  const value = await readJson(join(dataDir, name), credentialsSchema);
  if (value === null) return damaged(dataDir, name);
  const shared = sharedToken(value);
  if (shared === null) return { ok: true, value };
  const message = `${join(dataDir, name)}: ${shared} have one and the same token, so who acts with it cannot be told`;
  return refuse('credentials-shared', message, [
    'give each of them a token of its own: in all but one of these entries write the sha256 of a new token',
  ]);
}

/** Why a data directory does not serve an inventory; null: it does. */
export function misfit(
  dataDir: string,
  own: Pick<Identity, 'deployment' | 'shard' | 'target'>,
  inventory: Birth['inventory'],
): DataDirRefusal | null {
  if (own.deployment !== inventory.deployment) {
    const message = `${dataDir} belongs to deployment '${own.deployment}', the inventory is of '${inventory.deployment}'`;
    return {
      code: 'deployment-mismatch',
      message,
      next: ['name the inventory or the data directory that belongs to the other'],
    };
  }
  if (!inventory.gateways.some((gateway) => gateway.shard === own.shard)) {
    const known = inventory.gateways.map((gateway) => gateway.shard).join(', ');
    const message = `${dataDir} is of shard ${own.shard}; the inventory has gateways for shard ${known}`;
    return {
      code: 'shard-mismatch',
      message,
      next: [`add a gateway with shard ${own.shard} to the inventory, or use --shard at init`],
    };
  }
  if (own.target === 'local' && inventory.target === 'production') {
    const message = `${dataDir} is of target local, which accepts moves without approval; the inventory says production`;
    return { code: 'target-mismatch', message, next: ['use a data directory born with --target production'] };
  }
  return null;
}

async function writeAccess(dataDir: string, now: Date): Promise<void> {
  const token = randomBytes(32).toString('base64url');
  const credentials: Credential[] = [{ name: 'local', role: 'move', sha256: digestOfToken(token) }];
  const pem = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(now.getTime() - DAY_MS),
    notAfterDate: new Date(now.getTime() + CERTIFICATE_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  await writeDurably(join(dataDir, 'admin.token'), token, 0o600);
  await writeDurably(join(dataDir, 'credentials.json'), `${JSON.stringify(credentials, null, 2)}\n`, 0o600);
  await writeDurably(join(dataDir, 'admin.key'), pem.private, 0o600);
  await writeDurably(join(dataDir, 'admin.crt'), pem.cert, 0o644);
}

export async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(text, 'utf8');
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(join(path, '..'), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

async function readText(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null || text.trim() === '' ? null : text;
}

async function readJson<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S> | null> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}

function refuse(
  code: DataDirRefusalCode,
  message: string,
  next: readonly string[],
): { ok: false; refusal: DataDirRefusal } {
  return { ok: false, refusal: { code, message, next } };
}

function damaged(dataDir: string, name: string): { ok: false; refusal: DataDirRefusal } {
  return refuse('data-dir-damaged', `${join(dataDir, name)} is missing or cannot be read`, [
    'restore the whole data directory from its volume snapshot or backup; do not run init over it',
  ]);
}

const SILENT = {
  written: () => undefined,
  durable: () => undefined,
  failed: () => undefined,
  segmentStarted: () => undefined,
};
