/** Rules and contracts that change while the worker runs: taken up, or refused as a whole. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { analysisOf } from './analysis-of.ts';
import { connectionNamed, inventoryOf } from './lab.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-analysis-'));
  for (const name of ['rules', 'contracts']) await mkdir(join(folder, 'stacks', name), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const FAR = 'reason: of its own making\n    owner: me\n    expires: 2999-12-31\n';

function writeRule(connections: string, path = 'ZRP'): Promise<void> {
  const rule = `rules:\n  - name: own\n    path: ${path}\n    kind: ignore\n    connections: [${connections}]\n    ${FAR}`;
  return writeFile(join(folder, 'stacks/rules/own.yaml'), rule);
}

test('given rules and contracts that change, then only what is touched rests on something else, and bad ones change nothing', async () => {
  const inventory = inventoryOf('lab', [
    connectionNamed('north-orders', { contract: 'orders' }),
    connectionNamed('south-orders', {}, 1),
  ]);
  await writeFile(join(folder, 'stacks/contracts/orders.yaml'), 'messages: [ORM^O01]\n');
  const analysis = await analysisOf(folder, inventory);
  if (!analysis.ok) throw new Error(JSON.stringify(analysis.problems));
  const { value, reread } = analysis;
  const bases = (): string[] => ['north-orders', 'south-orders'].map((name) => value.basisOf(name));
  const [north, south] = bases();
  expect(await reread()).toEqual({ kind: 'same' });

  await writeRule('"north-*"');
  expect(await reread()).toEqual({ kind: 'changed' });
  expect(bases()[0]).not.toBe(north);
  expect(bases()[1]).toBe(south);
  const [second] = bases();

  await writeRule('"*"', 'PID-3');
  expect(await reread()).toMatchObject({ kind: 'refused', problems: [{ line: 2 }] });
  expect(bases()).toEqual([second, south]);

  await writeRule('"north-*"');
  expect(await reread()).toEqual({ kind: 'same' });
  const breaches = (): string[] => {
    const message = Buffer.from('MSH|^~\\&|E|N|L|M|2026||ORM^O01|1|P|2.3\rPID|1||7\r');
    return value.inspect('north-orders', message).flatMap(({ area, name }) => (area === 'coverage' ? [] : [name]));
  };
  expect(breaches()).toEqual(['inspected']);
  await writeFile(
    join(folder, 'stacks/contracts/orders.yaml'),
    'messages: [ORM^O01]\nfields: { PID-8: { required: true } }\n',
  );
  expect(await reread()).toEqual({ kind: 'changed' });
  expect(breaches()).toEqual(['inspected', expect.stringMatching(/^PID-8/)]);
});
