// Where engines are kept: outside the tree, one folder for each version and platform. A folder appears complete or not at
// all (built aside, then renamed), and is run before it is believed.
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../adapters/make-folder.ts';
import { isProcessAlive } from '../../adapters/process-alive.ts';
import { CLI_NAME, type Probed, probeEngine } from './probe.ts';

/** Folder inside a new engine for downloads and half-made things; it is removed before the engine is kept. */
export const SCRATCH = 'scratch';

const ASIDE = /^aside-(\d+)-/;
const OFFICIAL_FAILURE_FILE = 'official-install-failed.json';
const OFFICIAL_FAILURE_KEPT_MS = 60 * 60 * 1000;

export type EngineKind = 'official' | 'built';

export function engineFolder(cacheDir: string, kind: EngineKind, version: string): string {
  return join(cacheDir, 'engine', `${kind}-${version}-${process.platform}-${process.arch}`);
}

/** The kept engine if it is there and runs; a broken one says why. */
export async function readCached(folder: string): Promise<Probed> {
  // The PATH is left out on purpose: a kept engine is whole, or it is made again.
  return probeEngine(join(folder, 'bin', CLI_NAME), '');
}

/** Fills a folder aside and puts it in the place of `folder`. The caller holds the lock. */
export async function publish(folder: string, fill: (aside: string) => Promise<void>): Promise<Probed> {
  const parent = join(folder, '..');
  makeFolder(parent);
  await removeAbandoned(parent);
  const aside = await mkdtemp(join(parent, `aside-${process.pid}-`));
  try {
    await fill(aside);
    await rm(join(aside, SCRATCH), { recursive: true, force: true });
    const probed = await readCached(aside);
    if (!probed.ok) return probed;
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
    return await readCached(folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** What a killed process left half made. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = ASIDE.exec(name)?.[1];
    if (pid !== undefined && !isProcessAlive(Number(pid)))
      await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** Remembers that the official install failed, so that the next start does not wait for it again. */
export async function rememberOfficialFailure(cacheDir: string, reason: string, nowMs: number): Promise<void> {
  makeFolder(join(cacheDir, 'engine'));
  await writeFile(join(cacheDir, 'engine', OFFICIAL_FAILURE_FILE), JSON.stringify({ atMs: nowMs, reason }));
}

/** The reason of a failure within the last hour, or null. */
export async function recentOfficialFailure(cacheDir: string, nowMs: number): Promise<string | null> {
  try {
    const kept: unknown = JSON.parse(await readFile(join(cacheDir, 'engine', OFFICIAL_FAILURE_FILE), 'utf8'));
    if (typeof kept !== 'object' || kept === null || !('atMs' in kept) || !('reason' in kept)) return null;
    const ageMs = nowMs - Number(kept.atMs);
    return ageMs >= 0 && ageMs < OFFICIAL_FAILURE_KEPT_MS ? String(kept.reason) : null;
  } catch {
    return null;
  }
}
