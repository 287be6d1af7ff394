/** One sitting: an engine's export is imported, planned, and goes the whole way with simulated parties. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ExampleChannel, exportText } from '../adapters/mirth-export.example.ts';
import { createTestProject, type TestProject } from './verbs-harness.ts';

let project: TestProject;
beforeAll(async () => {
  project = await createTestProject({});
});
afterAll(() => project.remove());

/** Four practices: orders over listeners of their own, results over one of the LIS. */
function lab(): ExampleChannel[] {
  const practices = ['Northside', 'Harbor', 'Lakeview', 'Summit'];
  const orders = practices.map(
    (name, index): ExampleChannel => ({
      id: name,
      name: `${name} Orders`,
      port: String(6661 + index),
      senders: [{ name: 'LIS', host: 'lis.lab.example', port: '7001' }],
    }),
  );
  const senders = practices.map((name, index) => ({ name: `to ${name}`, host: `emr${index}.example`, port: '9000' }));
  return [...orders, { id: 'results', name: 'LIS Results', port: '6700', rules: 1, senders }];
}

it('import, plan, rehearse', async () => {
  await writeFile(join(project.folder, 'backup.xml'), exportText(lab(), '4.5.2', 'backup'));
  const imported = await project.cutover(['import', '--file', 'backup.xml', '--stack', 'lab']);
  expect(imported.exitCode, imported.stderr + imported.stdout).toBe(0);
  const inventory = join(project.folder, 'stacks/lab/inventory.yaml');

  const run = await project.cutover([
    'rehearse',
    '--inventory',
    inventory,
    '--report',
    join(project.folder, 'rehearsal.html'),
    '--json',
  ]);
  expect(run.exitCode, `${run.stderr}\n${run.stdout}`).toBe(0);
  expect(run.stderr).toContain('a copy is played on 127.0.0.1');
  const rehearsal = JSON.parse(run.stdout);
  expect(rehearsal).toMatchObject({
    verdict: 'green',
    connections: 8,
    messages: { lost: 0, duplicated: 0, reordered: 0 },
  });
  await writeFile(join(project.folder, 'rehearsal.json'), run.stdout);

  const planned = await project.cutover(['plan', '--stack', 'lab', '--measured', 'rehearsal.json', '--json']);
  const plan = JSON.parse(planned.stdout);
  expect(plan.measured).toMatchObject({ connections: 8 });
  // The shared feed of the LIS makes one unit of all practices.
  expect(plan.waves).toHaveLength(1);
  expect(await readFile(inventory, 'utf8')).not.toContain('127.0.0.1:6661');
}, 600_000);
