/** Checkouts as they are: without a remote, behind, dirty, before a protected branch, two of them. Git never stops a verb. */
import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { moveDocumentSchema } from '../core/documents.ts';
import { createTestProject, inventoryAt, type TestProject } from './verbs-harness.ts';

const LIMIT_MS = 120_000;
const NAMES = ['northside-orders', 'northside-results'] as const;

let gateway: FakeGateway;
let project: TestProject;

beforeEach(async () => {
  gateway = await startFakeGateway({ connections: NAMES });
  project = await createTestProject(gateway.env);
  await project.writeInventory(inventoryAt(gateway.admin, NAMES));
  const entries = NAMES.map((name) => `    ${name}: { phase: legacy, epoch: 1 }\n`).join('');
  await project.writeStack(`config:\n  lab-cutover:layer: routes\n  lab-cutover:routes:\n${entries}`);
  git(project.folder, 'init', '--quiet', '--initial-branch=main');
  git(project.folder, 'config', 'user.name', 'ada');
  git(project.folder, 'config', 'user.email', 'ada@localhost');
  git(project.folder, 'add', 'stacks');
  git(project.folder, 'commit', '--quiet', '--message', 'before');
}, LIMIT_MS);

afterEach(async () => {
  await gateway?.stop();
  await project?.remove();
}, LIMIT_MS);

test(
  'without a remote: committed here, nothing to warn of',
  async () => {
    const looked = await project.cutover(['parallel', '--connection', NAMES[0], '--dry-run']);
    expect(looked.stderr).toMatch(/nobody has said whether the channels of northside-orders do anything else/);
    const { warnings } = await parallel(project.folder);
    expect(warnings).toEqual([]);
    expect(subject(project.folder)).toMatch(/^test: parallel northside-orders/);
  },
  LIMIT_MS,
);

test(
  'with a remote: pushed; a protected branch refuses the push, the verb is done all the same and says why',
  async () => {
    const remote = await withRemote();
    expect((await parallel(project.folder)).warnings).toEqual([]);
    expect(subject(remote)).toMatch(/^test: parallel/);
    const hook = join(remote, 'hooks', 'pre-receive');
    await writeFile(hook, '#!/bin/sh\necho "main is protected: open a merge request" >&2\nexit 1\n');
    await chmod(hook, 0o755);
    const { warnings } = await run(project.folder, ['cancel', '--connection', NAMES[0], '--reason', 'mapping']);
    expect(warnings.join()).toMatch(/was not pushed: .*(rejected|declined).*main is protected: open a merge request/);
    expect(subject(project.folder)).toMatch(/^test: cancel/);
    expect(gateway.route(NAMES[0])).toMatchObject({ phase: 'legacy', epoch: 3 });
  },
  LIMIT_MS,
);

test(
  'two clones, one behind: its verb goes by the gateway, brings its own file up, and says that it cannot push',
  async () => {
    await withRemote();
    const stale = join(project.folder, 'stale');
    git(project.folder, 'clone', '--quiet', join(project.folder, 'remote.git'), stale);
    git(stale, 'config', 'user.name', 'grace');
    git(stale, 'config', 'user.email', 'grace@localhost');
    for (const shared of ['infra', 'core', 'adapters', 'node_modules', 'Pulumi.yaml', 'package.json']) {
      execFileSync('cp', ['-d', join(project.folder, shared), join(stale, shared)]);
    }
    await parallel(project.folder);
    const { changed, alreadyThere, warnings } = await run(stale, ['parallel', '--all']);
    expect(alreadyThere.map(({ name, route }) => [name, route.epoch])).toEqual([[NAMES[0], 2]]);
    expect(changed.map(({ name, epoch }) => [name, epoch])).toEqual([[NAMES[1], 2]]);
    expect(warnings.join()).toMatch(/was not pushed: ! \[rejected\].*git pull --rebase/);
    expect(gateway.moves).toHaveLength(2);
  },
  LIMIT_MS,
);

test(
  'a dirty checkout: what is staged or changed elsewhere stays so; a hand edit in the stack file is kept, and said',
  async () => {
    await writeFile(join(project.folder, 'stacks', 'notes.md'), 'draft\n');
    git(project.folder, 'add', 'stacks/notes.md');
    await project.writeStack(`# agreed with the LIS team\n${await project.readStack()}`);
    const { warnings } = await parallel(project.folder);
    expect(warnings.join()).toMatch(/changes that were not committed/);
    expect(await project.readStack()).toMatch(/^# agreed with the LIS team\n/);
    expect(git(project.folder, 'status', '--porcelain', '--', 'stacks')).toBe('A  stacks/notes.md\n');
  },
  LIMIT_MS,
);

function parallel(folder: string) {
  return run(folder, ['parallel', '--connection', NAMES[0]]);
}

async function run(folder: string, args: readonly string[]) {
  const { exitCode, stdout, stderr } = await project.cutover([...args, '--yes', '--json', '--project', folder]);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return moveDocumentSchema.parse(JSON.parse(stdout));
}

/** A bare repository that the project pushes to. */
async function withRemote(): Promise<string> {
  const remote = join(project.folder, 'remote.git');
  git(project.folder, 'init', '--quiet', '--bare', '--initial-branch=main', remote);
  git(project.folder, 'remote', 'add', 'origin', remote);
  git(project.folder, 'push', '--quiet', '--set-upstream', 'origin', 'main');
  return remote;
}

function subject(folder: string): string {
  return git(folder, 'log', '-1', '--format=%s');
}

function git(folder: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

test(
  'with --no-commit a hand edit stays nobody’s commit: nothing is committed, and nothing says that it was',
  async () => {
    await project.writeStack(`# agreed with the LIS team\n${await project.readStack()}`);
    const { changed, warnings } = await run(project.folder, ['parallel', '--connection', NAMES[0], '--no-commit']);
    expect(changed.map(({ name, epoch }) => [name, epoch])).toEqual([[NAMES[0], 2]]);
    expect(warnings).toEqual([]);
    expect(subject(project.folder)).toBe('before\n');
    expect(await project.readStack()).toMatch(
      /^# agreed with the LIS team\n[\s\S]*northside-orders: \{ phase: parallel/,
    );
  },
  LIMIT_MS,
);
