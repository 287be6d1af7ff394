/**
 * A user whose rights do not suffice: a file that may not be read, a folder that may not be written. Each is said with its
 * path and what to do, by the right exit code, and is never taken for a file that is not there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { gateDocumentSchema } from '../core/gate/gate-document.ts';
import { createTestProject, inventoryAt, REPOSITORY, type TestProject, type VerbRun } from './verbs-harness.ts';

const LIMIT_MS = 120_000;
const NAME = 'northside-orders';
const NOBODY = 65_534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const;
const IS_ROOT = process.getuid?.() === 0;
/** Rights do not bind root; where the product lies in a folder that only root may enter, nobody else can run it. */
const [SETPRIV, ...SET] = AS_NOBODY;
const CAN_RUN =
  !IS_ROOT || spawnSync(SETPRIV, [...SET, process.execPath, '--version'], { cwd: REPOSITORY }).status === 0;

let gateway: FakeGateway;
let project: TestProject;
let stack: string;
let evidence: string;

beforeEach(async () => {
  gateway = await startFakeGateway({ connections: [NAME] });
  project = await createTestProject(gateway.env);
  stack = join(project.folder, 'stacks/test');
  evidence = join(stack, 'evidence');
  await project.writeInventory(inventoryAt(gateway.admin, [NAME]));
  await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
  await mkdir(evidence);
  if (IS_ROOT) for (const path of [evidence, project.scratch]) await chown(path, NOBODY, NOBODY);
  for (const path of [project.folder, dirname(gateway.certificatePath)]) await chmod(path, 0o755);
}, LIMIT_MS);

afterEach(async () => {
  for (const path of [stack, join(project.folder, 'stacks'), evidence]) await chmod(path, 0o755).catch(() => undefined);
  await gateway.stop();
  await project.remove();
}, LIMIT_MS);

function cutover(...args: readonly string[]): Promise<VerbRun> {
  return IS_ROOT ? project.by(AS_NOBODY, args) : project.cutover(args);
}

async function forbid(path: string): Promise<void> {
  await chmod(path, 0o000);
}

test.skipIf(!CAN_RUN).each([
  { what: 'the project file', path: () => join(project.folder, 'Pulumi.yaml') },
  { what: 'the folder of the stacks', path: () => join(project.folder, 'stacks') },
])(
  '$what may not be read: exit 2, by its path, and not as if it were not there',
  async ({ path }) => {
    await forbid(path());
    const { exitCode, stdout, stderr } = await cutover('status', '--stack', 'test');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`${path()} cannot be read (EACCES)`);
    expect(stderr).toContain(`next: give this user the right to read ${path()}`);
  },
  LIMIT_MS,
);

test.skipIf(!CAN_RUN)(
  'the evidence may not be written: the gate is not frozen, exit 1, by the path; what is there stays',
  async () => {
    await writeFile(join(evidence, 'kept'), 'kept');
    await chmod(evidence, 0o555);
    const { exitCode, stderr } = await cutover('gate', '--all');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(evidence) });
    expect(stderr).toContain('this user may not read or write it (EACCES)');
    expect(stderr).toMatch(/next: /);
    expect(stderr).not.toMatch(/\n\s+at |unforeseen/);
    expect(await readdir(evidence)).toEqual(['kept']);
  },
  LIMIT_MS,
);

test.skipIf(!CAN_RUN)(
  'evidence and files of the stack may not be read: the gate is red, and says so, not that they are not there',
  async () => {
    const handover = join(stack, 'handover.yaml');
    await writeFile(handover, '{}\n');
    await forbid(handover);
    await chmod(evidence, 0o333);
    const { exitCode, stdout } = await cutover('gate', '--all', '--json');
    expect(exitCode).toBe(3);
    const { criteria } = gateDocumentSchema.parse(JSON.parse(stdout));
    const reasons = criteria.map(({ reason }) => reason).join('\n');
    expect(reasons).toContain(`unknown: ${evidence} cannot be read (EACCES)`);
    expect(reasons).toContain('unknown: stacks/test/handover.yaml cannot be read (EACCES)');
  },
  LIMIT_MS,
);

test.skipIf(!CAN_RUN)(
  'revoked keys may not be read: nobody is judged as if none were revoked',
  async () => {
    const key = join(project.folder, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'role=engineering', '-f', key]);
    if (IS_ROOT) await chown(key, NOBODY, NOBODY);
    await writeFile(join(stack, 'signers'), `ann@lab ${await readFile(`${key}.pub`, 'utf8')}`);
    await writeFile(join(stack, 'revoked'), '');
    await forbid(join(stack, 'revoked'));
    await mkdir(join(stack, 'waivers'));
    if (IS_ROOT) await chown(join(stack, 'waivers'), NOBODY, NOBODY);
    const what = ['--all', '--criterion', 'window', '--until', '2100-01-01T00:00Z', '--reason', 'closed'];
    const { exitCode, stderr } = await cutover('waive', ...what, '--key', key, '--yes');
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining(`${join(stack, 'revoked')} cannot be read (EACCES)`),
    });
    expect(await readdir(join(stack, 'waivers'))).toEqual([]);
  },
  LIMIT_MS,
);

test.skipIf(!CAN_RUN)(
  'the certificate of the gateway may not be read: nothing is asked, by its path',
  async () => {
    await forbid(gateway.certificatePath);
    const { exitCode, stdout } = await cutover('status', '--json');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(gateway.certificatePath);
    expect(gateway.requests).toEqual([]);
  },
  LIMIT_MS,
);

test.skipIf(!CAN_RUN)(
  'the repository may not be read: what was to be committed stays, and is said with the path',
  async () => {
    execFileSync('git', ['init', '--quiet', project.folder]);
    await forbid(join(project.folder, '.git'));
    const module = JSON.stringify(join(REPOSITORY, 'adapters/git.ts'));
    const code = `import { commitFiles } from ${module}; console.log(JSON.stringify(await commitFiles([process.argv[1]], 'x')))`;
    const node = [process.execPath, '--input-type=module', '-e', code, project.stackFile] as const;
    const [file, ...args] = IS_ROOT ? ([...AS_NOBODY, ...node] as const) : node;
    const outcome: unknown = JSON.parse(execFileSync(file, args, { encoding: 'utf8' }));
    expect(outcome).toMatchObject({ kind: 'failed', message: expect.stringContaining(join(project.folder, '.git')) });
  },
  LIMIT_MS,
);
