import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { VERBS } from '../verbs/index.ts';
import { completionFor, flagsOf, SHELLS } from './completion.ts';

test.each(SHELLS)('%s: every verb and every flag of it is there', (shell) => {
  const text = completionFor(shell, VERBS);
  for (const [name, verb] of Object.entries(VERBS)) {
    expect(text).toContain(name);
    for (const flag of flagsOf(verb)) expect(text).toContain(shell === 'fish' ? `-l ${flag}` : `--${flag}`);
  }
});

test.each([
  { line: ['cutover', 'swi'], expected: ['switch'] },
  { line: ['cutover', 'switch', '--we'], expected: ['--weight'] },
  { line: ['cutover', 'status', '--we'], expected: [] },
  { line: ['cutover', 'completion', 'z'], expected: ['zsh'] },
])('bash completes $line to $expected', ({ line, expected }) => {
  const words = line.map((word) => `'${word}'`).join(' ');
  const script = `${completionFor('bash', VERBS)}
COMP_WORDS=(${words}); COMP_CWORD=${line.length - 1}; _cutover; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(printed.split('\n').filter(Boolean)).toEqual(expected);
});
