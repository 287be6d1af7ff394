/**
 * The project folder of one rehearsal: a git repository as an engineer's checkout is one, with Pulumi.yaml, the stack
 * and its inventory; the program and its packages are linked from the product.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isOpenToEveryone } from './database/load.ts';
import { REPOSITORY } from './product.ts';

export const STACK = 'rehearsal';
const LINKED = ['infra', 'core', 'adapters', 'node_modules', 'package.json'] as const;
const OPEN_TO_ENTER = 0o711;
const OPEN_TO_READ = 0o755;
const EVERYBODYS_FOLDER = '/tmp';

export type Folders = {
  readonly root: string;
  readonly project: string;
  readonly inventory: string;
  /** A data directory a gateway in it. */
  readonly gateways: string;
  readonly database: string;
  readonly logs: string;
  /** What the new platform has taken and not passed on, where it is to survive a kill. */
  readonly queues: string;
  /** What platforms poll where a connection has no feed. */
  readonly tables: string;
  readonly state: string;
};

/** Others may pass through but not look: PostgreSQL's own user must get at its data. */
export function makeFolders(): Folders {
  const parent = process.getuid?.() === 0 && !isOpenToEveryone(tmpdir()) ? EVERYBODYS_FOLDER : tmpdir();
  const root = mkdtempSync(join(parent, 'cutover-rehearsal-'));
  chmodSync(root, OPEN_TO_ENTER);
  const project = join(root, 'project');
  const folders: Folders = {
    root,
    project,
    inventory: join(project, 'stacks', STACK, 'inventory.yaml'),
    gateways: join(root, 'gateways'),
    database: join(root, 'postgresql'),
    logs: join(root, 'logs'),
    queues: join(root, 'queues'),
    tables: join(root, 'tables'),
    state: join(root, 'state'),
  };
  mkdirSync(join(project, 'stacks', STACK), { recursive: true });
  for (const folder of [folders.logs, folders.state, folders.gateways, folders.queues, folders.tables])
    mkdirSync(folder);
  mkdirSync(folders.database);
  chmodSync(folders.database, OPEN_TO_READ);
  return folders;
}

/** As `makeFolders` left it: for another attempt. */
export function clearProject({ project, gateways, queues, tables }: Folders): void {
  for (const folder of [project, gateways, queues, tables]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(project, 'stacks', STACK), { recursive: true });
  for (const folder of [gateways, queues, tables]) mkdirSync(folder);
}

export function gatewayFolder({ gateways }: Folders, shard: number): string {
  return join(gateways, `shard-${shard}`);
}

export function writeProject(folders: Folders, files: { readonly inventory: string; readonly stack: string }): void {
  const { project } = folders;
  for (const name of LINKED) symlinkSync(join(REPOSITORY, name), join(project, name));
  copyFileSync(join(REPOSITORY, 'Pulumi.yaml'), join(project, 'Pulumi.yaml'));
  writeFileSync(join(project, '.gitignore'), `${LINKED.join('\n')}\n`);
  for (const shared of ['rules', 'contracts']) {
    cpSync(join(REPOSITORY, 'stacks', shared), join(project, 'stacks', shared), { recursive: true });
  }
  copyFileSync(join(REPOSITORY, 'rehearsal/rules/platforms.yaml'), join(project, 'stacks/rules/platforms.yaml'));
  writeFileSync(folders.inventory, files.inventory);
  writeFileSync(join(project, 'stacks', `Pulumi.${STACK}.yaml`), files.stack);
  git(project, 'init', '--quiet', '--initial-branch=main');
  git(project, 'config', 'user.name', 'rehearsal');
  git(project, 'config', 'user.email', 'rehearsal@localhost');
  git(project, 'config', 'commit.gpgsign', 'false');
  git(project, 'add', '--all');
  git(project, 'commit', '--quiet', '--message', 'the estate before the cut-over');
}

function git(folder: string, ...args: string[]): void {
  execFileSync('git', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}
