import { expect, test } from 'vitest';
import type { Plan } from '../../core/plan.ts';
import { exitCodeOf, outcomeWithoutRun, type Tally, together } from './outcome.ts';

const NONE: Tally = { interrupted: false, changed: 0, refused: 0, aborted: 0, failed: 0, recordsMissing: false };

test.each([
  { what: 'nothing to do', tally: {}, code: 0 },
  { what: 'all changed', tally: { changed: 3 }, code: 0 },
  { what: 'some refused', tally: { changed: 3, refused: 1 }, code: 4 },
  { what: 'some aborted', tally: { changed: 248, refused: 1, aborted: 1 }, code: 4 },
  { what: 'all refused', tally: { refused: 2 }, code: 3 },
  { what: 'all aborted', tally: { aborted: 2 }, code: 3 },
  { what: 'a failure and no change', tally: { refused: 1, failed: 1 }, code: 1 },
  { what: 'all changed, a record missing', tally: { changed: 3, recordsMissing: true }, code: 4 },
  { what: 'interrupted', tally: { interrupted: true, changed: 1, failed: 1 }, code: 130 },
])('$what: exit $code', ({ tally, code }) => {
  expect(exitCodeOf({ ...NONE, ...tally })).toBe(code);
});

test('next steps of many connections are one command, and others stay as they are', () => {
  const of = (name: string): string[] => [`cutover switch --connection ${name}`, `cutover cancel --connection ${name}`];
  expect(together([...of('a'), ...of('b'), 'cutover status', 'cutover status', ...of('c')])).toEqual([
    'cutover switch --connection a,b,c',
    'cutover cancel --connection a,b,c',
    'cutover status',
  ]);
  const ofOne = ['cutover attest --connection a --what stopped', 'cutover attest --connection b --what outputs'];
  expect(together(ofOne)).toEqual(ofOne);
});

test.each([
  { code: 'unreachable', exitCode: 1 },
  { code: 'illegal-move', exitCode: 3 },
])('where all that was selected is left out with $code: exit $exitCode', ({ code, exitCode }) => {
  const refused = [{ name: 'a', code, message: 'why', next: [] }];
  const plan: Plan = {
    verb: 'rollback',
    order: 'gateways-first',
    moves: [],
    alreadyThere: [],
    refused,
    leftOut: [],
    behind: [],
    differing: [],
    steps: [],
  };
  const header = { verb: 'rollback', stack: 's', wallMs: 0, dryRun: false };
  expect(outcomeWithoutRun(header, plan, { connections: [] })).toMatchObject({ exitCode, ok: false });
});
