/** The verb `import` as a person runs it: exports and lists into an inventory, again, with drift, and what it refuses. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import writeWorkbook from 'write-excel-file/node';
import { type ExampleChannel, exportText } from '../adapters/mirth-export.example.ts';
import { parseInventory } from '../core/inventory.ts';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';

let project: TestProject;
beforeAll(async () => {
  project = await createTestProject({});
});
afterAll(() => project.remove());

const PRACTICES = 125;

/** 125 practices: an orders channel each, and one results channel of the LIS for all of them. */
function lab(lisPort = '7001'): ExampleChannel[] {
  const orders = Array.from(
    { length: PRACTICES },
    (_, index): ExampleChannel => ({
      id: `o${index}`,
      name: `Practice${index}x Orders`,
      port: String(6000 + index),
      senders: [{ name: 'LIS', port: lisPort }],
    }),
  );
  const senders = Array.from({ length: PRACTICES }, (_, index) => ({
    name: `Practice${index}x`,
    host: `emr${index}`,
    port: '9000',
  }));
  return [...orders, { id: 'r', name: 'LIS Results', port: '6900', senders }];
}

async function inventoryOf(stack: string): Promise<{ text: string; names: string[] }> {
  const file = join(project.folder, 'stacks', stack, 'inventory.yaml');
  const text = await readFile(file, 'utf8');
  const parsed = parseInventory(text, file);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return { text, names: parsed.value.connections.map(({ name }) => name) };
}

describe('import of an engine', () => {
  it('250 connections of a backup: accounted for to the last one, valid, and the same again', async () => {
    await writeFile(join(project.folder, 'backup.xml'), exportText(lab(), '4.5.2', 'backup'));
    const run = await project.cutover(['import', '--file', 'backup.xml', '--stack', 'lab', '--json']);
    expect(run.exitCode, run.stderr).toBe(0);
    const document = JSON.parse(run.stdout);
    const schema = JSON.parse(await readFile(join(REPOSITORY, 'docs/schemas/import.schema.json'), 'utf8'));
    expect(new Ajv2020({ strict: false, validateFormats: false }).validate(schema, document)).toBe(true);
    expect(document.sources[0]).toMatchObject({ counted: 376, accounted: 376 });
    const { text, names } = await inventoryOf('lab');
    expect(new Set(names).size).toBe(250);
    expect(names).toContain('practice7x-orders');
    expect(names).toContain('practice7x-results');
    expect(document.questions.filter(({ code }: { code: string }) => code === 'unpaired')).toEqual([]);
    const again = await project.cutover(['import', '--file', 'backup.xml', '--stack', 'lab']);
    expect(again.exitCode).toBe(0);
    expect((await inventoryOf('lab')).text).toBe(text);
    expect(again.stdout).toContain('0 added, 0 values updated');
  });

  it('--check says what legacy changed since, and writes nothing', async () => {
    const before = (await inventoryOf('lab')).text;
    await writeFile(join(project.folder, 'later.xml'), exportText(lab('7005').slice(1), '4.5.2', 'backup'));
    const run = await project.cutover(['import', '--file', 'later.xml', '--stack', 'lab', '--check', '--json']);
    expect(run.exitCode).toBe(3);
    const { changes } = JSON.parse(run.stdout);
    expect(changes.gone).toEqual(['practice0x-orders']);
    expect(changes.updated).toHaveLength(PRACTICES - 1);
    expect((await inventoryOf('lab')).text).toBe(before);
    const same = await project.cutover(['import', '--file', 'backup.xml', '--stack', 'lab', '--check']);
    expect(same.exitCode).toBe(0);
  });

  it('where the platforms are is said once: later runs without the flags move nothing, and nothing that was said is asked', async () => {
    await writeFile(join(project.folder, 'hosts.xml'), exportText(lab().slice(0, 2), '4.5.2', 'backup'));
    const base = ['import', '--file', 'hosts.xml', '--stack', 'hosts'];
    const first = await project.cutover([...base, '--legacy-host', 'mirth.internal', '--new-host', 'engine.internal']);
    expect(first.exitCode, first.stdout).toBe(0);
    const { text } = await inventoryOf('hosts');
    expect(text).toContain('host: mirth.internal');
    expect(first.stdout).not.toContain('--legacy-host HOST');
    expect(first.stdout).toContain("engine.internal and legacy's own port are assumed");
    const checked = await project.cutover([...base, '--check']);
    expect(checked.exitCode, checked.stdout).toBe(0);
    await project.cutover(base);
    expect((await inventoryOf('hosts')).text).toBe(text);
    const moved = await project.cutover([...base, '--legacy-host', 'elsewhere.internal', '--check']);
    expect(moved.stdout).toContain('was "mirth.internal", is "elsewhere.internal"');
  });

  it('refuses a DOCTYPE with file and line, and writes nothing', async () => {
    await writeFile(
      join(project.folder, 'bomb.xml'),
      '<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "b">]>\n<channel>&a;</channel>',
    );
    const run = await project.cutover(['import', '--file', 'bomb.xml', '--stack', 'bomb']);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('bomb.xml:2: it has a DOCTYPE');
    await expect(readFile(join(project.folder, 'stacks/bomb/inventory.yaml'))).rejects.toThrow();
  });

  it('a channel that stands in two files is taken once; one that differs is a decision', async () => {
    const [first] = lab();
    if (first === undefined) throw new Error('no channel');
    await writeFile(join(project.folder, 'one.xml'), exportText([first], '4.5.2', 'channel'));
    const moved = { ...first, senders: [{ name: 'LIS', port: '7999' }] };
    await writeFile(join(project.folder, 'moved.xml'), exportText([moved], '4.5.2', 'channel'));
    const twice = ['import', '--file', 'one.xml,backup.xml', '--stack', 'twice'];
    const run = await project.cutover(twice);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).toMatch(/backup\.xml:\d+ .*the same connector stands at one\.xml:\d+/);
    const { text, names } = await inventoryOf('twice');
    expect(new Set(names).size).toBe(250);
    expect((await project.cutover(twice)).stdout).toContain('0 added, 0 values updated');
    expect((await inventoryOf('twice')).text).toBe(text);
    const other = await project.cutover(['import', '--file', 'one.xml,moved.xml', '--stack', 'other']);
    expect(other.exitCode).toBe(4);
    expect(other.stdout).toContain('with other settings; that one was taken');
  });

  it('a file without a channel is no import', async () => {
    await writeFile(join(project.folder, 'none.xml'), '<list><channel><id>x</id></channel></list>');
    const run = await project.cutover(['import', '--file', 'none.xml', '--stack', 'none']);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('none.xml has no channel with connectors in it');
  });

  it('what cannot be taken is exit 4, named with file, line and remedy', async () => {
    await writeFile(
      join(project.folder, 'odd.xml'),
      exportText([{ id: 'x', name: 'Odd Orders', port: '${ordersPort}' }], '3.12.0', 'channel'),
    );
    const run = await project.cutover(['import', '--file', 'odd.xml', '--stack', 'odd']);
    expect(run.exitCode).toBe(4);
    expect(run.stdout).toMatch(
      /odd\.xml:\d+ +Odd Orders \/ sourceConnector \(TCP Listener\) +the value of \$\{ordersPort\} is not in the export → give it with --variables FILE/,
    );
    await writeFile(join(project.folder, 'values.properties'), '# ports\nordersPort = 6661\n');
    const mended = await project.cutover([
      'import',
      '--file',
      'odd.xml',
      '--stack',
      'odd',
      '--variables',
      'values.properties',
    ]);
    expect(mended.exitCode, mended.stdout).toBe(0);
    expect((await inventoryOf('odd')).names).toEqual(['odd-orders']);
  });
});

const HEADER = ['Clinic', 'Msg', 'Legacy Port', 'Host', 'Port', 'EMR Vendor', 'Remark'];
const ROWS = [
  ['Northside', 'ORM', '6001', 'lis', '7001', 'Acme', 'x'],
  ['Northside', 'ORU', '6002', 'emr.north', '9001', 'Acme', ''],
  ['Harbor', 'ORM', '6003', 'lis', '', 'Blue', ''],
];
const MAPPING = 'columns:\n  practice: Clinic\n  direction: { column: Msg, values: { ORM: orders, ORU: results } }\n';

describe('import of a list', () => {
  it('a list without a row is no import, and makes no inventory', async () => {
    await writeFile(join(project.folder, 'empty.csv'), `${HEADER.join(';')}\n`);
    const run = await project.cutover(['import', '--file', 'empty.csv', '--stack', 'empty']);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('empty.csv has no rows');
    await expect(readFile(join(project.folder, 'stacks/empty/inventory.yaml'))).rejects.toThrow();
  });

  it.each([
    'csv',
    'xlsx',
    'yaml',
  ])('%s: rows become connections, with the columns that a mapping names', async (kind) => {
    const file = join(project.folder, `list.${kind}`);
    if (kind === 'csv') await writeFile(file, [HEADER, ...ROWS].map((row) => row.join(';')).join('\r\n'));
    else if (kind === 'xlsx')
      await writeWorkbook([HEADER, ...ROWS].map((row) => row.map((value) => ({ value })))).toFile(file);
    else
      await writeFile(
        file,
        ROWS.map(
          (row) => `- ${JSON.stringify(Object.fromEntries(row.map((cell, index) => [HEADER[index], cell])))}`,
        ).join('\n'),
      );
    await writeFile(join(project.folder, 'columns.yaml'), MAPPING);
    const run = await project.cutover([
      'import',
      '--file',
      `list.${kind}`,
      '--stack',
      `list-${kind}`,
      '--columns',
      'columns.yaml',
      '--json',
    ]);
    expect(run.exitCode, run.stderr + run.stdout).toBe(4);
    const document = JSON.parse(run.stdout);
    expect(document.sources[0]).toMatchObject({ counted: 3, accounted: 3 });
    expect(document.sources[0].notLookedAt.map(({ what }: { what: string }) => what)).toEqual(["column 'Remark'"]);
    expect(document.accounts[2]).toMatchObject({
      outcome: 'decision',
      reason: expect.stringContaining('no destination'),
    });
    expect(document.accounts[2].place.line).toBe(kind === 'yaml' ? 3 : 4);
    const { text, names } = await inventoryOf(`list-${kind}`);
    expect(names).toEqual(['northside-orders', 'northside-results']);
    expect(text).toContain('owners: { emr: Acme }');
  });

  it('a list of which no column is known is refused with its columns, and writes nothing', async () => {
    await writeFile(join(project.folder, 'praxen.csv'), 'Praxis;Richtung;Ziel\nNord;Auftrag;10.0.0.1\n');
    const run = await project.cutover(['import', '--file', 'praxen.csv', '--stack', 'praxen']);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('Praxis, Richtung, Ziel');
    expect(run.stderr).toContain('--columns');
    await expect(inventoryOf('praxen')).rejects.toThrow();
  });

  it('a cell that nobody understands is asked about, not left out', async () => {
    await writeFile(
      join(project.folder, 'cells.csv'),
      'practice,direction,legacyPort,newPort,destinationHost,destinationPort,ackTimeout\nNorth,orders,6001,abc,lis,7001,a while\n',
    );
    const run = await project.cutover(['import', '--file', 'cells.csv', '--stack', 'cells', '--json']);
    expect(run.exitCode, run.stderr).toBe(0);
    const messages = JSON.parse(run.stdout).questions.map(({ message }: { message: string }) => message);
    expect(messages).toContain("'a while' is no duration: the patience of its source is not known");
    expect(messages).toContain("'abc' is no port: the new platform's port is taken to be legacy's");
  });
});
