/**
 * A stack file that cannot be replaced: a read-only folder, a full disk. Found out before a route moves: one message with a
 * remedy, exit 1, no stack trace, nothing changed. A rollback does not need the file: it goes on, and says what it left.
 */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { moveDocumentSchema } from '../core/documents.ts';
import { createTestProject, inventoryAt, type TestProject, type VerbRun } from './verbs-harness.ts';

const LIMIT_MS = 300_000;
const NAME = 'northside-orders';
const STACK =
  'config:\n  lab-cutover:layer: routes\n  lab-cutover:routes:\n    northside-orders: { phase: legacy, epoch: 1 }\n';

let gateway: FakeGateway;
let project: TestProject;
let undo: () => Promise<void> | void;

beforeEach(async () => {
  undo = () => undefined;
  gateway = await startFakeGateway({ connections: [NAME] });
  project = await createTestProject(gateway.env);
  await project.writeInventory(inventoryAt(gateway.admin, [NAME]));
  await project.writeStack(STACK);
}, LIMIT_MS);

afterEach(async () => {
  await undo();
  await gateway.stop();
  await project.remove();
}, LIMIT_MS);

type Obstacle = { readonly what: string; readonly why: RegExp; run(args: readonly string[]): Promise<VerbRun> };

const OBSTACLES: readonly Obstacle[] = [
  {
    what: 'a read-only folder',
    why: /Pulumi\.test\.yaml cannot be replaced, so nothing was changed: (EROFS|EACCES)/,
    run: async (args) => {
      await makeReadOnly(join(project.folder, 'stacks'));
      return project.cutover(args);
    },
  },
  {
    what: 'a full disk',
    why: /Pulumi\.test\.yaml cannot be replaced, so nothing was changed: (ENOSPC|EFBIG)/,
    run: async (args) =>
      (await fillDisk(join(project.folder, 'stacks')))
        ? project.cutover(args)
        : project.by(['prlimit', '--fsize=0'], args),
  },
];

describe.each(OBSTACLES)('$what', ({ why, run }) => {
  test.each([
    ['parallel', '--all', '--yes'],
    ['sync', '--all'],
  ])(
    '%s: exit 1, what is in the way and what to do, nothing changed',
    async (...args) => {
      if (args[0] === 'sync') gateway.setRoute(NAME, { phase: 'parallel', newWeight: 0, epoch: 2 });
      const before = await project.readStack();
      const { exitCode, stdout, stderr } = await run([...args, '--json']);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(why) });
      expect(JSON.parse(stdout)).toMatchObject({
        ok: false,
        error: { code: 'stack-file-unwritable' },
        nextSteps: [expect.stringMatching(/make room, or give this user write access to .*stacks/), expect.anything()],
      });
      expect(stderr + stdout).not.toMatch(/(\n|\\n)\s+at |unforeseen|goroutine/);
      expect(gateway.moves).toEqual([]);
      expect(await project.readStack()).toBe(before);
    },
    LIMIT_MS,
  );

  test(
    'a rollback goes on without it: the route is back, and what is left behind is said',
    async () => {
      gateway.setRoute(NAME, { phase: 'switched', newWeight: 0, epoch: 3 });
      const { stdout, stderr } = await run(['rollback', '--all', '--reason', 'new is slow', '--yes', '--json']);
      const document = moveDocumentSchema.parse(JSON.parse(stdout));
      expect(document.changed.map(({ name, epoch }) => [name, epoch])).toEqual([[NAME, 4]]);
      expect(document.warnings.join()).toMatch(/the stack file is left behind: (EROFS|EACCES|ENOSPC|EFBIG)/);
      expect(stderr + stdout).not.toMatch(/(\n|\\n)\s+at |unforeseen|goroutine/);
    },
    LIMIT_MS,
  );
});

/** Rights do not bind root: there the folder is mounted read-only over itself. */
async function makeReadOnly(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    await chmod(folder, 0o555);
    undo = () => chmod(folder, 0o755);
    return;
  }
  mount('--bind', folder, folder);
  undo = () => unmount(folder);
  mount('-o', 'remount,ro,bind', folder);
}

/** A file system of its own over the folder, with the same files and not a byte more. False: mounting is not allowed here. */
async function fillDisk(folder: string): Promise<boolean> {
  const inventory = await readFile(join(folder, 'test/inventory.yaml'));
  if (process.getuid?.() !== 0 || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder]).status !== 0)
    return false;
  undo = () => unmount(folder);
  await mkdir(join(folder, 'test'));
  await writeFile(join(folder, 'test/inventory.yaml'), inventory);
  await project.writeStack(STACK);
  const filler = await open(join(folder, 'filler'), 'w');
  try {
    for (;;) await filler.write(Buffer.alloc(4096));
  } catch {
    // It is full.
  } finally {
    await filler.close();
  }
  return true;
}

function mount(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
}

function unmount(folder: string): void {
  spawnSync('umount', [folder]);
}
