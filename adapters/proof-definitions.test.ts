/** The rules and contracts that a project has: those that ship are good, and a bad one is named with file and line. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readContracts, readDefinitions, readRuleFiles } from './proof-definitions.ts';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-definitions-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('what ships is accepted', async () => {
  expect(await readRuleFiles(REPOSITORY)).toMatchObject({ ok: true });
  const contracts = await readContracts(REPOSITORY);
  expect(contracts.ok ? [...contracts.contracts.keys()] : contracts.problems).toEqual(['lab-orders', 'lab-results']);
});

test('a project without any has none', async () => {
  expect(await readRuleFiles(folder)).toEqual({ ok: true, files: [] });
  expect(await readContracts(folder)).toEqual({ ok: true, contracts: new Map() });
});

test('a rule that a protected path refuses is named with its file and line', async () => {
  await mkdir(join(folder, 'stacks', 'rules'), { recursive: true });
  const file = join(folder, 'stacks', 'rules', 'bad.yaml');
  const rule = (name: string, path: string): string =>
    `  - name: ${name}\n    path: ${path}\n    kind: ignore\n    reason: of no use\n    owner: me\n    expires: 2026-12-31\n`;
  await writeFile(file, `rules:\n${rule('fine', 'MSH-7')}${rule('bad', 'PID-3')}`);
  const read = await readRuleFiles(folder);
  expect(read.ok ? [] : read.problems).toEqual([
    {
      file,
      line: 8,
      path: 'rules[1]',
      message: "bad: PID-3 is protected: kind 'ignore' is not accepted there",
      remedy: 'correct the mapping, or use numeric, date, table or spelling for what means the same',
    },
  ]);
  await writeFile(file, 'rules:\n  - name: one\n    path: pid\n    kind: ignore\n');
  const misspelt = await readRuleFiles(folder);
  expect(misspelt.ok ? [] : misspelt.problems.map(({ path }) => path)).toContain('rules[0].path');
});

test('a contract that cannot be compiled is named with its file and line', async () => {
  await mkdir(join(folder, 'stacks', 'contracts'), { recursive: true });
  const file = join(folder, 'stacks', 'contracts', 'odd.yaml');
  await writeFile(file, 'messages: [ORU^R01]\nfields:\n  OBX-5: { pattern: "(" }\n');
  const read = await readContracts(folder);
  expect(read.ok ? [] : read.problems).toMatchObject([{ file, line: 3, path: 'fields.OBX-5.pattern' }]);
});

test('a connection has its own rules and contract, and a contract that is not there is a problem', async () => {
  const named = [
    { name: 'north', contract: 'lab-results' },
    { name: 'south', contract: null },
  ];
  const read = await readDefinitions(REPOSITORY, named, '2026-03-01');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  expect(read.value.contractOf('north')?.name).toBe('lab-results');
  expect(read.value.contractOf('south')).toBeNull();
  expect(read.value.rulesOf('north').bySegment.get('MSH')?.length).toBeGreaterThan(0);
  expect(await readDefinitions(REPOSITORY, [{ name: 'north', contract: 'lab-reslts' }], '2026-03-01')).toMatchObject({
    ok: false,
    problems: [{ message: "the inventory names the contract 'lab-reslts', and there is none" }],
  });
});
