/**
 * The tutorial as a new user does it: every command of docs/tutorial/README.md, in its order, in terminals of their own,
 * in a folder as a clone is. What it says that is printed is printed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { REPOSITORY } from './verbs-harness.ts';

const LINKED = ['infra', 'core', 'adapters', 'scripts', 'gateway', 'dashboard', 'rehearsal', 'proof', 'node_modules'];

type Step = {
  readonly line: number;
  readonly commands: string;
  /** A terminal that stays open; null: the user's own. */
  readonly terminal: string | null;
  /** Ctrl-C in this terminal. */
  readonly stops: string | null;
  readonly printed: readonly string[];
};

async function stepsOf(file: string): Promise<Step[]> {
  const text = await readFile(file, 'utf8');
  const steps: Step[] = [];
  for (const found of text.matchAll(/^```(sh|text)([^\n]*)\n(.*?)^```$/gms)) {
    const [, kind = '', info = '', body = ''] = found;
    const last = steps.at(-1);
    if (kind === 'text') {
      if (last === undefined) throw new Error('an output without a command');
      steps[steps.length - 1] = { ...last, printed: body.trim().split('\n') };
      continue;
    }
    steps.push({
      line: text.slice(0, found.index).split('\n').length,
      commands: body,
      terminal: /terminal=(\w+)/.exec(info)?.[1] ?? null,
      stops: /stop=(\w+)/.exec(info)?.[1] ?? null,
      printed: [],
    });
  }
  return steps;
}

class Terminal {
  readonly #shell: ChildProcess;
  #text = '';
  #changed = Promise.withResolvers<void>();
  #turn = 0;

  constructor(folder: string) {
    const env = {
      ...Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !/^(CUTOVER_|PULUMI_|DATABASE_URL)/.test(name)),
      ),
      PULUMI_HOME: join(folder, 'pulumi-home'),
    };
    this.#shell = spawn('bash', ['--norc'], { cwd: folder, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#shell.stdout, this.#shell.stderr])
      stream?.on('data', (chunk: Buffer) => this.#heard(chunk.toString()));
    this.#shell.once('exit', () => this.#heard('\n[the shell has ended]'));
  }

  #heard(text: string): void {
    this.#text += text;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  get text(): string {
    return this.#text;
  }

  /** To the end; what it printed. */
  async run(commands: string): Promise<string> {
    const before = this.#text.length;
    const mark = `[turn ${++this.#turn} has ended with`;
    this.#shell.stdin?.write(`set -e\n${commands}\nset +e\necho "${mark} $?]"\n`);
    await this.until((text) => text.includes(mark) || text.includes('[the shell has ended]'));
    const printed = this.#text.slice(before);
    expect(printed).toContain(`${mark} 0]`);
    return printed;
  }

  /** Begins, and goes on: the last command keeps the terminal. */
  start(commands: string): void {
    this.#shell.stdin?.end(`set -e\n${commands}`);
  }

  async until(isSo: (text: string) => boolean): Promise<void> {
    while (!isSo(this.#text)) await this.#changed.promise;
  }

  /** As a terminal does it: to the whole group in the foreground. */
  async interrupt(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return;
    const exited = once(this.#shell, 'exit');
    process.kill(-(this.#shell.pid ?? 0), 'SIGINT');
    await exited;
  }

  kill(): void {
    try {
      process.kill(-(this.#shell.pid ?? 0), 'SIGKILL');
    } catch (error) {
      // ESRCH: it has ended.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

let folder = '';
const terminals = new Map<string, Terminal>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-tutorial-'));
  await mkdir(join(folder, 'stacks'));
  for (const name of LINKED) await symlink(join(REPOSITORY, name), join(folder, name));
  for (const name of ['Pulumi.yaml', 'package.json']) await cp(join(REPOSITORY, name), join(folder, name));
  await cp(join(REPOSITORY, 'docs/tutorial'), join(folder, 'docs/tutorial'), { recursive: true });
});
afterAll(async () => {
  for (const terminal of terminals.values()) terminal.kill();
  await rm(folder, { recursive: true, force: true });
});

function terminal(name: string): Terminal {
  const known = terminals.get(name) ?? new Terminal(folder);
  terminals.set(name, known);
  return known;
}

it('every command does what the page says', { timeout: 1_800_000 }, async () => {
  const steps = await stepsOf(join(REPOSITORY, 'docs/tutorial/README.md'));
  expect(steps.length).toBeGreaterThan(12);
  for (const step of steps) {
    const where = `docs/tutorial/README.md:${step.line}`;
    const missing = (text: string): string[] => step.printed.filter((line) => !text.includes(line));
    if (step.stops !== null) {
      await terminal(step.stops).interrupt();
      expect(missing(terminal(step.stops).text), `${where}\n${terminal(step.stops).text}`).toEqual([]);
    } else if (step.terminal !== null) {
      const other = terminal(step.terminal);
      other.start(step.commands);
      await other.until((text) => missing(text).length === 0 || text.includes('[the shell has ended]'));
      expect(missing(other.text), `${where}\n${other.text}`).toEqual([]);
    } else {
      const printed = await terminal('own').run(step.commands);
      expect(missing(printed), `${where}\n${printed}`).toEqual([]);
    }
  }
  const sent = /sent (\d+)/.exec(terminal('traffic').text)?.[1];
  const arrived = /arrived (\d+) \((\d+) from legacy, (\d+) from new/.exec(terminal('lab').text) ?? [];
  expect(arrived[1], terminal('lab').text).toBe(sent);
  expect(Number(arrived[2])).toBeGreaterThan(0);
  expect(Number(arrived[3])).toBeGreaterThan(0);
});
