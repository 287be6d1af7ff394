// Who holds the lock of a stack: in a file backend read straight from its lock files, as Pulumi has no command for it; else
// from what the CLI says when it is refused.
import { readdir, readFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { isProcessAlive } from './process-alive.ts';

export type LockHolder = {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  /** ISO 8601, as the CLI wrote it. */
  readonly since: string;
  /** true or false when the holder was on this host; null: another host, nothing can be said. */
  readonly alive: boolean | null;
};

/** `lockContent` in pulumi/pkg/backend/diy/lock.go. */
const lockFile = z.object({ pid: z.number(), username: z.string(), hostname: z.string(), timestamp: z.string() });
const projectFile = z.object({ name: z.string() });

/** null: not locked, or not a file backend. With several locks, the oldest. */
export async function readLock(backendUrl: string, workDir: string, stack: string): Promise<LockHolder | null> {
  const root = backendFolder(backendUrl, workDir);
  if (root === null) return null;
  const folder = join(root, '.pulumi', 'locks', 'organization', await projectOf(workDir, stack), shortName(stack));
  const holders: LockHolder[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    // The blob store keeps attributes beside each file (`….json.attrs`).
    if (!name.endsWith('.json')) continue;
    // A lock that goes away between listing and reading is no lock any more.
    const text = await readFile(join(folder, name), 'utf8').catch(() => null);
    if (text !== null) holders.push(holderOf(text));
  }
  holders.sort((a, b) => a.since.localeCompare(b.since));
  return holders[0] ?? null;
}

/** As checkForLock in pulumi/pkg/backend/diy/lock.go words it; null: it names nobody. With several locks, the oldest. */
export function holderIn(complaint: string): LockHolder | null {
  const named = [...complaint.matchAll(/created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)/g)];
  const holders = named.map(([, username = '', host = '', pid = '', since = '']) =>
    holderNamed({ pid: Number(pid), username, hostname: host, timestamp: since }),
  );
  return holders.sort((a, b) => a.since.localeCompare(b.since))[0] ?? null;
}

function holderOf(text: string): LockHolder {
  return holderNamed(lockFile.parse(JSON.parse(text)));
}

function holderNamed({ pid, username, hostname: host, timestamp }: z.output<typeof lockFile>): LockHolder {
  return { pid, username, hostname: host, since: timestamp, alive: host === hostname() ? isProcessAlive(pid) : null };
}

function backendFolder(backendUrl: string, workDir: string): string | null {
  if (!backendUrl.startsWith('file://')) return null;
  if (backendUrl.startsWith('file:///')) return fileURLToPath(backendUrl);
  // The CLI takes `file://~` and `file://./folder` too, which are no proper URLs.
  const path = backendUrl.slice('file://'.length);
  return path.startsWith('~') ? join(homedir(), path.slice(1)) : resolve(workDir, path);
}

async function projectOf(workDir: string, stack: string): Promise<string> {
  const [, project, name] = stack.split('/');
  if (project !== undefined && name !== undefined) return project;
  return projectFile.parse(parse(await readFile(join(workDir, 'Pulumi.yaml'), 'utf8'))).name;
}

/** `dev` of `organization/lab-cutover/dev`. */
function shortName(stack: string): string {
  return stack.split('/').at(-1) ?? stack;
}
