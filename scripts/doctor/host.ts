/** What this machine must have for the verbs: Node, git, ssh-keygen, and a disk that has room and syncs. */
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { doubtful, type Finding, fine, notLooked, wrong } from './finding.ts';

const NODE_MAJOR = 24;
const LITTLE_BYTES = 1024 ** 3;
const TOO_LITTLE_BYTES = 64 * 1024 ** 2;
const SLOW_SYNC_MS = 20;
const SYNCS = 5;
const COMMAND_TIMEOUT_MS = 10_000;

export async function examineHost(folder: string): Promise<Finding[]> {
  const [git, sshKeygen, disk] = await Promise.all([examineGit(folder), examineSshKeygen(), examineDisk(folder)]);
  return [examineNode(), ...git, sshKeygen, ...disk];
}

function examineNode(): Finding {
  const { version } = process;
  const major = Number(/^v(\d+)/.exec(version)?.[1]);
  if (major >= NODE_MAJOR) return fine('node', `Node ${version}`);
  return wrong('node', `Node ${version} runs this; it takes ${NODE_MAJOR}`, 'npm ci, then: npx cutover doctor');
}

async function examineGit(folder: string): Promise<Finding[]> {
  const version = await run('git', ['--version'], folder);
  if (!version.ok) return [wrong('git', 'git cannot be run', 'install git')];
  const findings = [fine('git', version.stdout.trim())];
  const inside = await run('git', ['rev-parse', '--is-inside-work-tree'], folder);
  if (!inside.ok) {
    const message = 'the project is not in a git repository: stack files have no history';
    return [...findings, doubtful('git.repository', message, 'git init, and a remote that others pull from')];
  }
  const changed = await run('git', ['status', '--porcelain', '--', 'stacks'], folder);
  if (changed.stdout.trim() !== '') {
    const count = changed.stdout.trim().split('\n').length;
    const message = `${count} ${count === 1 ? 'file' : 'files'} under stacks/ not committed`;
    findings.push(doubtful('git.uncommitted', message, 'git diff -- stacks, then commit or restore them'));
  }
  const behind = await run('git', ['rev-list', '--count', 'HEAD..@{upstream}'], folder);
  if (!behind.ok) findings.push(notLooked('git.upstream', 'the branch has no upstream: commits stay here'));
  else if (Number(behind.stdout) > 0) {
    const message = `this checkout is ${behind.stdout.trim()} commits behind its upstream, as of the last fetch`;
    findings.push(doubtful('git.upstream', message, 'git pull --ff-only'));
  } else findings.push(fine('git.upstream', 'not behind its upstream, as of the last fetch'));
  return findings;
}

/** It has no switch for its version; asked for nothing it says how it is used, which shows that it is there. */
async function examineSshKeygen(): Promise<Finding> {
  const asked = await run('ssh-keygen', ['-Y', 'nothing'], '.');
  if (!asked.isMissing) return fine('ssh-keygen', 'ssh-keygen is there, for approvals');
  return wrong('ssh-keygen', 'ssh-keygen cannot be run: nothing can be signed or verified', 'install OpenSSH');
}

async function examineDisk(folder: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const space = await statfs(folder).catch(() => null);
  if (space === null) findings.push(notLooked('disk.space', `the space at ${folder} cannot be read`));
  else {
    const freeBytes = space.bavail * space.bsize;
    const message = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free at ${folder}`;
    const remedy = 'free some space there';
    if (freeBytes < TOO_LITTLE_BYTES) findings.push(wrong('disk.space', message, remedy));
    else if (freeBytes < LITTLE_BYTES) findings.push(doubtful('disk.space', message, remedy));
    else findings.push(fine('disk.space', message));
  }
  return [...findings, await examineSync(folder)];
}

async function examineSync(folder: string): Promise<Finding> {
  let scratch: string | null = null;
  try {
    scratch = await mkdtemp(join(folder, '.cutover-doctor-'));
    const times: number[] = [];
    const file = await open(join(scratch, 'sync'), 'w');
    try {
      for (let round = 0; round < SYNCS; round++) {
        await file.write(Buffer.alloc(4096, round));
        const startedMs = performance.now();
        await file.datasync();
        times.push(performance.now() - startedMs);
      }
    } finally {
      await file.close();
    }
    const medianMs = times.sort((a, b) => a - b)[Math.floor(SYNCS / 2)] ?? 0;
    const message = `a sync takes ${medianMs.toFixed(1)} ms at ${folder} (gateways: see their metrics)`;
    if (medianMs <= SLOW_SYNC_MS) return fine('disk.sync', message);
    return doubtful('disk.sync', message, 'put the project, and gateway data above all, on a faster disk');
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const message = `nothing can be written at ${folder} (${cause}): verbs could not replace the stack file`;
    return wrong('disk.sync', message, `give this user write access to ${dirname(join(folder, 'stacks'))}`);
  } finally {
    if (scratch !== null) await rm(scratch, { recursive: true, force: true });
  }
}

type Ran = { readonly ok: boolean; readonly isMissing: boolean; readonly stdout: string };

function run(file: string, args: readonly string[], cwd: string): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd, timeout: COMMAND_TIMEOUT_MS }, (error, stdout) => {
      resolve({ ok: error === null, isMissing: error !== null && error.code === 'ENOENT', stdout });
    });
  });
}
