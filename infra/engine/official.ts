// Pulumi's own installation, through the automation API of @pulumi/pulumi, as a process of its own: the API can neither be
// bounded in time nor be ended, and where downloads are blocked it may hang instead of failing.
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { makeFolder } from '../../adapters/make-folder.ts';
import { SCRATCH } from './cache.ts';
import type { EngineBuilder } from './go-build.ts';
import { runStep } from './run.ts';

const INSTALL_LIMIT_MS = 10 * 60 * 1000;
const SILENCE_LIMIT_MS = 20_000;
const REPORT_MS = 5_000;

/** The CLI that belongs to the SDK in use. */
export function officialVersion(): string {
  const packageJson: unknown = createRequire(import.meta.url)('@pulumi/pulumi/package.json');
  if (typeof packageJson !== 'object' || packageJson === null || !('version' in packageJson)) {
    throw new Error('@pulumi/pulumi is not installed: run `npm ci`');
  }
  return String(packageJson.version);
}

export const installOfficial: EngineBuilder = async (context) => {
  const downloads = join(context.folder, SCRATCH);
  makeFolder(downloads);
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  let grown = { bytes: -1, atMs: startedMs };
  let reportedMs = startedMs;
  context.onProgress(`installing the official Pulumi CLI ${officialVersion()}`);
  const giveUp = async (): Promise<string | null> => {
    const bytes = await folderBytes(context.folder);
    const nowMs = performance.now();
    if (bytes !== grown.bytes) grown = { bytes, atMs: nowMs };
    if (nowMs - reportedMs >= REPORT_MS) {
      reportedMs = nowMs;
      const megabytes = Math.round(bytes / 1e6);
      context.onProgress(
        `installing the official Pulumi CLI: ${Math.round(elapsedMs() / 1000)} s, ${megabytes} MB so far`,
      );
    }
    return nowMs - grown.atMs > SILENCE_LIMIT_MS ? `nothing arrived for ${SILENCE_LIMIT_MS / 1000} s` : null;
  };
  const installed = await runStep({
    file: process.execPath,
    args: [join(import.meta.dirname, 'official-install.ts'), context.folder],
    cwd: context.folder,
    // The installer downloads to TMPDIR; kept here, its progress can be watched and nothing stays behind.
    env: { ...context.env, TMPDIR: downloads },
    limitMs: INSTALL_LIMIT_MS,
    giveUp,
    ...(context.signal && { signal: context.signal }),
  });
  return installed.ok ? installed : { ok: false, reason: installed.reason.split('\n').slice(0, 3).join(' ') };
};

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    bytes += await stat(join(entry.parentPath, entry.name)).then(
      (found) => found.size,
      () => 0,
    );
  }
  return bytes;
}
