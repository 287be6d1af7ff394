/**
 * One commit of one file or of a few, and a push where there is somewhere to push to. Git is where the stack file's history is
 * read, never where the truth is: whatever fails here is told and left behind.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly commit: string; readonly push: PushOutcome }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'no-repository' }
  | { readonly kind: 'failed'; readonly message: string };
export type PushOutcome =
  | { readonly kind: 'pushed' }
  | { readonly kind: 'no-remote' }
  | { readonly kind: 'failed'; readonly message: string };

const GIT_TIMEOUT_MS = 15_000;

type Ran = { readonly ok: boolean; readonly stdout: string; readonly stderr: string };

/** Commits only these files, all in one repository, whatever else is staged or changed. */
export async function commitFiles(files: readonly string[], message: string): Promise<CommitOutcome> {
  const folder = dirname(files[0] ?? '.');
  const inside = await git(folder, 'rev-parse', '--is-inside-work-tree');
  if (!inside.ok) {
    // Git says the same of a repository that this user may not read, and of one that another user owns it wants to be told to trust.
    const repository = repositoryAbove(folder);
    return repository === null
      ? { kind: 'no-repository' }
      : { kind: 'failed', message: `${repository}: ${reasonIn(inside)}` };
  }
  if (inside.stdout.trim() !== 'true') return { kind: 'no-repository' };
  const ignored = await git(folder, 'check-ignore', '--quiet', '--', ...files);
  if (ignored.ok) return { kind: 'no-repository' };
  const added = await git(folder, 'add', '--', ...files);
  if (!added.ok) return { kind: 'failed', message: reasonIn(added) };
  const same = await git(folder, 'diff', '--quiet', '--cached', '--', ...files);
  if (same.ok) return { kind: 'unchanged' };
  const committed = await git(folder, 'commit', '--quiet', '--only', '--message', message, '--', ...files);
  if (!committed.ok) return { kind: 'failed', message: reasonIn(committed) };
  const head = await git(folder, 'rev-parse', 'HEAD');
  return { kind: 'committed', commit: head.stdout.trim(), push: await push(folder) };
}

/** The `.git` of this folder or of one above it; null: there is none. */
function repositoryAbove(folder: string): string | null {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const repository = join(at, '.git');
    if (existsSync(repository)) return repository;
    if (dirname(at) === at) return null;
  }
}

async function push(folder: string): Promise<PushOutcome> {
  const upstream = await git(folder, 'rev-parse', '--abbrev-ref', '@{upstream}');
  if (!upstream.ok) return { kind: 'no-remote' };
  const pushed = await git(folder, 'push', '--quiet');
  return pushed.ok ? { kind: 'pushed' } : { kind: 'failed', message: reasonIn(pushed) };
}

/** True where the file is not as it was last committed; false also where there is no repository. */
export async function hasUncommittedChanges(file: string): Promise<boolean> {
  const changed = await git(dirname(file), 'status', '--porcelain', '--', file);
  return changed.ok && /^( M|M |MM|AM) /.test(changed.stdout);
}

/** Never asks for a password: a verb must not hang on a prompt that nobody sees. */
function git(folder: string, ...args: string[]): Promise<Ran> {
  const env = {
    ...process.env,
    GIT_TERMINAL_PROMPT: '0',
    GIT_SSH_COMMAND: process.env.GIT_SSH_COMMAND ?? 'ssh -oBatchMode=yes',
  };
  return new Promise((resolve) => {
    execFile('git', args, { cwd: folder, env, timeout: GIT_TIMEOUT_MS }, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });
}

/** What says why, among what git says: a push begins with where to, and what a server's hook says comes with `remote:`. */
const REASONS = [/^ *! \[.*$/, /^remote: (?!error: hook declined).*\S.*$/, /^fatal: .*$/, /^error: .*$/] as const;

function reasonIn({ stderr, stdout }: Ran): string {
  const lines = (stderr || stdout).split('\n').filter((line) => line.trim() !== '');
  const found = REASONS.flatMap((reason) => lines.find((line) => reason.test(line)) ?? []);
  const told = found.length > 0 ? found.slice(0, 2) : lines.slice(0, 1);
  return told.map((line) => line.trim()).join('; ') || 'git gave no reason';
}
