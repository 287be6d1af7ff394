/** A verb that asks, at a real terminal (a pseudo-terminal of util-linux `script`): Ctrl-C, Ctrl-D and another word than the one asked for. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from './verbs-harness.ts';

const ASKED = /to sign: /;
const COLOUR = '\u001b[';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/** As at a person's desk, also where this test runs without colour. */
function coloured(): NodeJS.ProcessEnv {
  const { NO_COLOR: _, ...env } = process.env;
  return { ...env, TERM: 'xterm-256color', FORCE_COLOR: '1' };
}

/** `answer` is typed as soon as the verb asks. */
async function answered(answer: string): Promise<{ readonly code: number | null; readonly screen: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-terminal-'));
  const verb = ['waive', '--stack', 'production', '--all', '--criterion', 'window', '--until', '2100-01-01T00:00Z'];
  const words = [process.execPath, 'scripts/cutover.ts', ...verb, '--reason', 'x', '--key', join(folder, 'none')];
  const child = spawn('script', ['-qec', words.map((word) => `'${word}'`).join(' '), '/dev/null'], {
    cwd: REPOSITORY,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: coloured(),
  });
  let screen = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const hadAsked = ASKED.test(screen);
    screen += chunk.toString();
    if (!hadAsked && ASKED.test(screen)) child.stdin.write(answer);
  });
  try {
    const code = await new Promise<number | null>((done, fail) => {
      child.once('error', fail);
      child.once('close', done);
    });
    return { code, screen };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.each([
  ['Ctrl-C', CTRL_C, 130, 'interrupted before anything was changed'],
  ['Ctrl-D', CTRL_D, 3, 'not signed'],
  ['another word', 'yes\n', 3, 'not signed'],
  ['the word', 'waive\n', 3, 'check that'],
])('%s at the question: exit code and last word', { timeout: 60_000 }, async (_, answer, code, said) => {
  const outcome = await answered(answer);
  // Coloured where that says something; what is to be signed is as legible as the terminal can.
  expect(outcome.screen).toContain(COLOUR);
  const shown = outcome.screen.split('\r\n').filter((line) => /waiver of window|^.* {2}until /.test(line));
  expect(shown).toEqual(['waiver of window', '  until        2100-01-01 00:00 UTC']);
  expect(outcome.screen).toContain(said);
  expect(outcome.code).toBe(code);
});
