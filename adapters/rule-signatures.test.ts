/** In production a rule on a protected path accepts what its approver has signed, and only that. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readDefinitions, readRuleFiles, ruleSigningOf } from './proof-definitions.ts';
import { signRule } from './rule-signatures.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const PRODUCTION = { target: 'production', deployment: 'lab' } as const;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-rule-signatures-'));
  await mkdir(join(folder, 'stacks/rules'), { recursive: true });
  for (const person of ['ann', 'ivo', 'eve']) {
    await promisify(execFile)('ssh-keygen', [
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-C',
      person,
      '-f',
      join(folder, person),
    ]);
  }
  const lines = await Promise.all(
    ['ann', 'ivo'].map(
      async (name) =>
        `${name} ${(await readFile(join(folder, `${name}.pub`), 'utf8')).trim().split(' ').slice(0, 2).join(' ')} role=engineering`,
    ),
  );
  await writeFile(join(folder, 'signers'), `${lines.join('\n')}\n`);
  await write(['2345-7']);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function write(codes: readonly string[]): Promise<void> {
  const common = { reason: 'the same number', owner: 'ivo', approver: 'ann', expires: '2999-12-31' };
  const rules = [
    { name: 'glucose-format', path: 'OBX-5', kind: 'numeric', codes, ...common },
    { name: 'own-segment', path: 'ZRP', kind: 'ignore', ...common },
  ];
  return writeFile(join(folder, 'stacks/rules/lab.yaml'), JSON.stringify({ rules }));
}

async function sign(person: string): Promise<void> {
  const read = await readRuleFiles(folder);
  const [rule] = read.ok ? (read.files[0]?.rules ?? []) : [];
  if (rule === undefined) throw new Error('there is one');
  expect(await signRule(folder, rule, { keyFile: join(folder, person), env: process.env })).toMatchObject({ ok: true });
}

/** The paths on which something is accepted, and what is unsigned. */
async function standing(
  inventory: { target: 'production' | 'local'; deployment: string } = PRODUCTION,
  where = folder,
) {
  const signing = await ruleSigningOf(inventory, where, NOW_MS);
  const read = await readDefinitions(folder, [{ name: 'north', contract: null }], '2026-01-01', signing);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return {
    paths: [...read.value.rulesOf('north').bySegment.keys()],
    unsigned: Object.fromEntries(read.value.unsigned),
  };
}

test('given a rule on a protected path, then it accepts nothing until its approver has signed just this form of it', async () => {
  const without = (fault: unknown) => ({ paths: ['ZRP'], unsigned: { 'glucose-format': fault } });
  const whole = { paths: ['OBX', 'ZRP'], unsigned: {} };
  expect(await standing()).toEqual(without('ann has not signed it'));
  expect(await standing({ target: 'local', deployment: 'lab' })).toEqual(whole);
  await sign('eve');
  expect(await standing()).toEqual(without(expect.stringContaining('is not among the signers')));
  await sign('ivo');
  expect(await standing()).toEqual(without('ivo signed it, and its approver is ann'));
  await sign('ann');
  expect(await standing()).toEqual(whole);
  expect(await standing(PRODUCTION, join(folder, 'nowhere'))).toEqual(
    without('there are no signers to judge its signature by'),
  );

  const [file = ''] = await readdir(join(folder, 'stacks/rules/signatures'));
  const signature = await readFile(join(folder, 'stacks/rules/signatures', file), 'utf8');
  await write(['2345-7', '718-7']);
  expect(await standing()).toEqual(without('ann has not signed it'));
  // The signature of the former form under the name of the new one.
  await sign('ann');
  const names = await readdir(join(folder, 'stacks/rules/signatures'));
  const fresh = names.find((name) => name !== file) ?? '';
  await writeFile(join(folder, 'stacks/rules/signatures', fresh), signature);
  expect(await standing()).toEqual(without('the signature is of other content: sign it again'));
});
