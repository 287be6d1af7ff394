/** The project folder, its stacks, and the one that is meant. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { namesIfThere, readIfThere } from '../../adapters/read-if-there.ts';
import { readStackFile, type StackFile } from '../../adapters/stack-file.ts';
import { nearest } from '../../core/nearest.ts';
import { EXIT, usage, VerbStop } from './stop.ts';

export type Project = {
  readonly folder: string;
  /** Absolute. */
  readonly stackFolder: string;
  readonly backendUrl: string;
};

const projectSchema = z.object({
  stackConfigDir: z.string().optional(),
  backend: z.object({ url: z.string() }).optional(),
});

export async function findProject(cwd: string, wanted: string | undefined, env: NodeJS.ProcessEnv): Promise<Project> {
  const start = wanted === undefined ? cwd : resolve(cwd, wanted);
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, 'Pulumi.yaml');
    const content = await readIfThere(file);
    if (content.kind === 'read') return readProject(folder, content.value.toString('utf8'), env);
    if (content.kind === 'unreadable') throw usage(content.message, `give this user the right to read ${file}`);
    if (wanted !== undefined || dirname(folder) === folder) {
      throw usage(
        `no Pulumi.yaml in ${start}${wanted === undefined ? ' or above it' : ''}`,
        'change to the project folder, or name it with --project DIR',
      );
    }
  }
}

function readProject(folder: string, text: string, env: NodeJS.ProcessEnv): Project {
  const parsed = projectSchema.safeParse(yamlOrNull(text));
  if (!parsed.success)
    throw usage(
      `${join(folder, 'Pulumi.yaml')} is no Pulumi project file`,
      'correct it, or name another folder with --project DIR',
    );
  const { stackConfigDir, backend } = parsed.data;
  const backendUrl = env.PULUMI_BACKEND_URL || backend?.url || `file://${homedir()}`;
  return { folder, stackFolder: join(folder, stackConfigDir ?? '.'), backendUrl: absoluteBackend(backendUrl, folder) };
}

function yamlOrNull(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

/** `file://./state` means: beside Pulumi.yaml, wherever the verb was started. */
function absoluteBackend(url: string, folder: string): string {
  const [, path, query = ''] = /^file:\/\/([^?]*)(\?.*)?$/.exec(url) ?? [];
  if (path === undefined) return url;
  const expanded = path.startsWith('~') ? join(homedir(), path.slice(1)) : path;
  return `file://${isAbsolute(expanded) ? expanded : join(folder, expanded)}${query}`;
}

const STACK_FILE = /^Pulumi\.(.+)\.ya?ml$/;

/** Of a stack that is named: `refused` without its file; `folder`: where its folder is there, it needs no file; `new`: it may be made. */
type WithoutFile = 'refused' | 'folder' | 'new';

/** The named stack, or the only one with the routes layer. */
export async function chooseStack(
  project: Project,
  wanted: string | undefined,
  withoutFile: WithoutFile = 'refused',
): Promise<{ readonly stack: string; readonly file: string }> {
  const listed = await namesIfThere(project.stackFolder);
  if (listed.kind === 'unreadable')
    throw usage(listed.message, `give this user the right to read ${project.stackFolder}`);
  const files = listed.kind === 'absent' ? [] : listed.value;
  const stacks = files.flatMap((file) => {
    const stack = STACK_FILE.exec(file)?.[1];
    return stack === undefined ? [] : [{ stack, file: join(project.stackFolder, file) }];
  });
  if (wanted !== undefined) {
    const found = stacks.find(({ stack }) => stack === wanted);
    if (found !== undefined) return found;
    const isFolder = withoutFile === 'folder' && existsSync(join(project.folder, 'stacks', wanted));
    if (withoutFile === 'new' || isFolder)
      return { stack: wanted, file: join(project.stackFolder, `Pulumi.${wanted}.yaml`) };
    const close = nearest(
      wanted,
      stacks.map(({ stack }) => stack),
    );
    const hint = close === null ? '' : `; did you mean ${close}?`;
    throw usage(
      `there is no stack '${wanted}': no Pulumi.${wanted}.yaml in ${project.stackFolder}${hint}`,
      'write that file, or name another stack with --stack',
    );
  }
  const routes = [];
  for (const candidate of stacks) {
    const text = await readFile(candidate.file, 'utf8').catch(() => '');
    if (/^\s*["']?lab-cutover:layer["']?:\s*["']?routes\b/m.test(text)) routes.push(candidate);
  }
  const [only, ...others] = routes;
  if (only === undefined) {
    throw usage(
      `no stack with the routes layer in ${project.stackFolder}`,
      'write stacks/Pulumi.NAME.yaml with `lab-cutover:layer: routes`',
    );
  }
  if (others.length > 0)
    throw usage(`which stack? there are ${routes.map(({ stack }) => stack).join(', ')}`, `--stack ${only.stack}`);
  return only;
}

/** As the stack file names it, counted from the project's folder, or beside what stays of the stack. */
export function inventoryFileOf({ folder }: Project, stack: string, stackFile: StackFile | null): string {
  return resolve(folder, stackFile?.config.inventory ?? join('stacks', stack, 'inventory.yaml'));
}

export async function openStackFile(file: string): Promise<StackFile> {
  const read = await readStackFile(file);
  if (!read.ok) {
    throw new VerbStop(EXIT.usage, { code: read.code, message: read.problems.join('\n'), next: [`correct ${file}`] });
  }
  if (read.value.config.layer !== 'routes') {
    throw usage(
      `${file} is a stack of the '${read.value.config.layer}' layer; verbs work on the routes layer`,
      'name another stack with --stack',
    );
  }
  return read.value;
}
