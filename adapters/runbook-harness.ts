/** For tests that follow a runbook: the commands in it, as they stand there, and what a person puts in the place of a name. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';

const REPOSITORY = resolve(import.meta.dirname, '..');

export type Ran = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/**
 * In the order of the page: each line of a code block for the shell, and each call of the product in running text. Comments are kept
 * off; a call without what it is about (`cutover cancel`) is a mention.
 */
export async function commandsOf(runbook: string): Promise<readonly string[]> {
  const text = await readFile(join(REPOSITORY, 'runbooks', runbook), 'utf8');
  return [...text.matchAll(/```sh\n([\s\S]*?)```|`((?:npx )?cutover [^`]+)`/g)].flatMap(([, block, inline = '']) =>
    block === undefined ? inlineCommand(inline) : linesOf(block),
  );
}

function linesOf(block: string): string[] {
  const lines = block.replaceAll(/\\\n\s*/g, '').split('\n');
  return lines.map((line) => line.replace(/\s+#.*$/, '').trim()).filter((line) => line !== '');
}

function inlineCommand(text: string): string[] {
  const command = text.replaceAll(/\s*\n\s*/g, ' ');
  return command.includes(' --') ? [command] : [];
}

export type Shell = {
  /** With the names filled in, as a person would; longest first, so that none is taken for a part of another. */
  run(command: string, names?: Readonly<Record<string, string>>): Promise<Ran>;
  /** What goes on until it is ended; it leads a session of its own. */
  start(command: string, names?: Readonly<Record<string, string>>): ChildProcess;
  /** As it would be run. */
  fill(command: string, names?: Readonly<Record<string, string>>): string;
};

/** A shell in which `cutover` and `npx cutover` are this product. */
export async function openShell(
  folder: string,
  env: NodeJS.ProcessEnv,
  fixed: Readonly<Record<string, string>>,
): Promise<Shell> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const product = `exec '${process.execPath}' '${join(REPOSITORY, 'scripts/cutover.ts')}' "$@"`;
  await writeFile(join(bin, 'cutover'), `#!/bin/sh\n${product}\n`);
  await writeFile(join(bin, 'npx'), `#!/bin/sh\n[ "$1" = cutover ] || exit 127\nshift\n${product}\n`);
  for (const name of ['cutover', 'npx']) await chmod(join(bin, name), 0o755);
  const own = { ...env, PATH: [bin, process.env.PATH].join(delimiter), PWD: folder };
  const fill = (command: string, names: Readonly<Record<string, string>> = {}): string =>
    Object.entries({ ...fixed, ...names })
      .sort(([a], [b]) => b.length - a.length)
      .reduce(
        (text, [name, value]) => text.replaceAll(new RegExp(`(?<![\\w-])${literally(name)}(?!\\w)`, 'g'), value),
        command,
      );
  return {
    fill,
    start: (command, names) =>
      spawn('sh', ['-c', `exec ${fill(command, names)}`], { cwd: folder, env: own, detached: true }),
    run: (command, names) =>
      new Promise((done) => {
        const child = spawn('sh', ['-c', fill(command, names)], {
          cwd: folder,
          env: own,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        let [stdout, stderr] = ['', ''];
        child.stdout.on('data', (chunk: Buffer) => {
          stdout += chunk.toString();
        });
        child.stderr.on('data', (chunk: Buffer) => {
          stderr += chunk.toString();
        });
        child.once('close', (code) => done({ exitCode: code ?? -1, stdout, stderr }));
      }),
  };
}

function literally(text: string): string {
  return text.replaceAll(/[$.*+?^(){}|[\]\\]/g, '\\$&');
}
