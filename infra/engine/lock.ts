// One process at a time makes an engine; the others wait and find it made. The lock is a file that names its holder, created
// by link() so that it is never seen half written, and touched every two seconds so that a dead holder is noticed, also from
// another host or after its process id was given to somebody else.
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder } from '../../adapters/make-folder.ts';
import { isProcessAlive } from '../../adapters/process-alive.ts';

const HEARTBEAT_MS = 2_000;
const SILENT_HOLDER_MS = 60_000;
const POLL_MS = 200;
const REPORT_MS = 5_000;
/** Far above the slowest build measured; a wait past it is a defect, not patience. */
const WAIT_LIMIT_MS = 60 * 60 * 1000;

type Holder = { readonly pid: number; readonly host: string; readonly token: string };

type Seen = { readonly holder: Holder | null; readonly touchedMs: number };

export type LockOptions = {
  readonly file: string;
  /** Called every five seconds while another process holds the lock. */
  readonly onWait: (holder: Holder | null, waitedMs: number) => void;
  readonly signal?: AbortSignal;
};

/** Runs `work` while holding the lock. */
export async function withLock<T>(options: LockOptions, work: () => Promise<T>): Promise<T> {
  makeFolder(dirname(options.file));
  const token = await acquire(options);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(options.file, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    const seen = await look(options.file);
    if (seen?.holder?.token === token) await rm(options.file, { force: true });
  }
}

async function acquire(options: LockOptions): Promise<string> {
  const startedMs = performance.now();
  let reportedMs = startedMs;
  let watched = { touchedMs: -1, sinceMs: startedMs };
  for (;;) {
    options.signal?.throwIfAborted();
    const token = await tryToTake(options.file);
    if (token !== null) return token;

    const seen = await look(options.file);
    const nowMs = performance.now();
    if (seen === null) continue;
    if (seen.touchedMs !== watched.touchedMs) watched = { touchedMs: seen.touchedMs, sinceMs: nowMs };
    if (isDead(seen, nowMs - watched.sinceMs)) {
      await breakLock(options.file, seen);
      continue;
    }
    if (nowMs - startedMs > WAIT_LIMIT_MS) {
      throw new Error(
        `${options.file} has been held by process ${seen.holder?.pid} for an hour; end it, or delete the file`,
      );
    }
    if (nowMs - reportedMs >= REPORT_MS) {
      reportedMs = nowMs;
      options.onWait(seen.holder, nowMs - startedMs);
    }
    await delay(POLL_MS);
  }
}

async function tryToTake(file: string): Promise<string | null> {
  const token = randomUUID();
  const draft = `${file}.${token}`;
  const holder: Holder = { pid: process.pid, host: hostname(), token };
  await writeFile(draft, JSON.stringify(holder));
  try {
    await link(draft, file);
    return token;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return null;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** null: there is no lock (any more). */
async function look(file: string): Promise<Seen | null> {
  try {
    const touchedMs = (await stat(file)).mtimeMs;
    return { holder: parseHolder(await readFile(file, 'utf8')), touchedMs };
  } catch {
    return null;
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read !== 'object' || read === null) return null;
    if (!('pid' in read) || !('host' in read) || !('token' in read)) return null;
    return { pid: Number(read.pid), host: String(read.host), token: String(read.token) };
  } catch {
    return null;
  }
}

function isDead(seen: Seen, untouchedMs: number): boolean {
  if (seen.holder?.host === hostname() && !isProcessAlive(seen.holder.pid)) return true;
  return untouchedMs > SILENT_HOLDER_MS;
}

/** Moves a dead holder's lock away; if somebody took it over in between, puts theirs back. */
async function breakLock(file: string, dead: Seen): Promise<void> {
  const moved = `${file}.${randomUUID()}`;
  try {
    await rename(file, moved);
  } catch {
    return;
  }
  const taken = await look(moved);
  if (taken?.holder?.token !== dead.holder?.token) await link(moved, file).catch(() => undefined);
  await rm(moved, { force: true });
}
