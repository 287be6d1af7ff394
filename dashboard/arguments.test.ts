import { expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';

test.each([
  { argv: [], env: {}, stack: null },
  { argv: [], env: { CUTOVER_STACK: 'lab' }, stack: 'lab' },
  { argv: ['--stack', 'other'], env: { CUTOVER_STACK: 'lab' }, stack: 'other' },
])('$argv with $env: the stack is $stack', ({ argv, env, stack }) => {
  expect(parseArguments(argv, '/lab', env)).toMatchObject({ kind: 'run', options: { stack, project: '/lab' } });
});

test.each([
  ['--port', 'x'],
  ['--port', '65536'],
  ['--prot', '1'],
])('%s %s is usage', (...argv) => {
  expect(parseArguments(argv, '/lab', {})).toMatchObject({ kind: 'usage' });
});
