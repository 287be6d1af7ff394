/** The verb `plan` as a person runs it: no gateway is asked, what it writes is what calendars, editors and programs read. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestProject, REPOSITORY, type TestProject } from './verbs-harness.ts';

const WEEKS = 5;

function connection(index: number, practice: string, direction: string): string {
  return `
  - name: ${practice}-${direction}
    direction: ${direction} # as the legacy channel says
    practice: ${practice}
    wave: unplanned
    owners: { new: us, lab: lab-ops, emr: acme }
    correlate: [MSH-10]
    feed: { port: ${21_000 + index}, platforms: { legacy: { host: l, port: 1 }, new: { host: n, port: 2 } } }
    legs: { legacy: { port: ${22_000 + index} }, new: { port: ${23_000 + index} } }
    destination: { host: d, port: ${33_000 + index} }`;
}

const INVENTORY = `deployment: lab-test
gateways: [{ shard: 0, admin: "https://127.0.0.1:7443" }]
defaults:
  effects: []
  window: { days: [sat], from: "22:00", to: "04:00", timeZone: America/Chicago }
connections:${connection(0, 'northside', 'orders')}
    previousNames: [riverside]${connection(1, 'northside', 'results')}${connection(2, 'harbor', 'orders')}${connection(3, 'harbor', 'results')}
`;

let project: TestProject;
let inventoryFile: string;

beforeAll(async () => {
  project = await createTestProject({});
  inventoryFile = join(project.folder, 'stacks/test/inventory.yaml');
  await writeFile(inventoryFile, INVENTORY);
  await project.writeStack('config:\n  lab-cutover:layer: routes\n  lab-cutover:routes: {}\n');
  const programme = [
    'timeZone: America/Chicago',
    'largestWave: 2',
    'pilot: [harbor]',
    'bridge: [Ada Lovelace]',
    'measured: { connections: 4, switch: 20s, rollback: 15s, source: a drill }',
  ];
  await writeFile(join(project.folder, 'stacks/test/programme.yaml'), `${programme.join('\n')}\n`);
  await writeArchive(join(project.folder, 'archive'));
});
afterAll(() => project.remove());

/** Five weeks to yesterday: twenty messages an hour by day, one at 19:00. */
async function writeArchive(folder: string): Promise<void> {
  const today = Math.floor(Date.now() / 86_400_000) * 86_400_000;
  const messages: string[] = [];
  for (let day = 1; day <= WEEKS * 7; day++) {
    const date = new Date(today - day * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
    for (let hour = 8; hour < 18; hour++) {
      for (let minute = 0; minute < 60; minute += 3)
        messages.push(`MSH|^~\\&|A|B|C|D|${date}${pad(hour)}${pad(minute)}00||ORU^R01|1|P|2.5`);
    }
    messages.push(
      `MSH|^~\\&|A|B|C|D|${date}235900||ORU^R01|1|P|2.5`,
      `MSH|^~\\&|A|B|C|D|${date}000100||ORU^R01|1|P|2.5`,
    );
  }
  for (const name of ['riverside', 'northside-results', 'harbor/orders', 'harbor/results']) {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'all.hl7'), messages.join('\r'));
  }
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

describe('plan', () => {
  it('is green where everything is known, and its document fits the published schema', async () => {
    const run = await project.cutover([
      'plan',
      '--traffic',
      'archive',
      '--json',
      '--ical',
      'plan.ics',
      '--svg',
      'plan.svg',
    ]);
    const plan = JSON.parse(run.stdout);
    const schema = JSON.parse(await readFile(join(REPOSITORY, 'docs/schemas/plan.schema.json'), 'utf8'));
    expect(new Ajv2020({ strict: false, validateFormats: false }).validate(schema, plan)).toBe(true);
    expect(plan.red).toEqual([]);
    expect(run.exitCode, run.stdout).toBe(0);
    expect(
      plan.waves.map(({ name, connections }: { name: string; connections: string[] }) => [name, connections]),
    ).toEqual([
      ['pilot', ['harbor-orders', 'harbor-results']],
      ['wave-1', ['northside-orders', 'northside-results']],
    ]);
    expect(plan.waves[0].quiet).toMatchObject({ verdict: 'green' });
    const calendar = await readFile(join(project.folder, 'plan.ics'), 'utf8');
    expect(calendar.match(/BEGIN:VEVENT/g)).toHaveLength(2);
    const starts = String(plan.waves[0].night.startsAt).replace(/[-:]|\.\d+/g, '');
    expect(calendar).toContain(`DTSTART:${starts}`);
    expect(calendar).toMatch(/END:VCALENDAR\r\n$/);
    const picture = await readFile(join(project.folder, 'plan.svg'), 'utf8');
    expect(picture).toContain('<svg');
    expect(picture).toContain('>pilot<');
  });

  it('without traffic it is red and says what to give', async () => {
    const run = await project.cutover(['plan']);
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toContain('no traffic was observed');
    expect(run.stdout).toContain('--traffic DIR');
  });

  it('names a contract that is not there by its path and its connections, and one that cannot be used', async () => {
    const file = join(project.folder, 'stacks/contracts/own-orders.yaml');
    await writeFile(
      inventoryFile,
      INVENTORY.replaceAll('direction: orders', 'contract: own-orders\n    direction: orders'),
    );
    const asked = async () => {
      const { exitCode, stdout } = await project.cutover(['plan', '--traffic', 'archive', '--json']);
      return { exitCode, red: JSON.parse(stdout).red };
    };
    const names = ['northside-orders', 'harbor-orders'];
    const missing = { code: 'contract-missing', message: expect.stringContaining(file), connections: names };
    expect(await asked()).toMatchObject({ exitCode: 3, red: [{ ...missing, remedy: expect.stringContaining(file) }] });
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'nonsense: [');
    expect(await asked()).toMatchObject({ exitCode: 3, red: [{ code: 'contract-invalid' }] });
    await writeFile(inventoryFile, INVENTORY);
    await rm(file);
    expect(await asked()).toEqual({ exitCode: 0, red: [] });
  });

  it('takes the stack that CUTOVER_STACK names, where there are several', async () => {
    const other = join(project.folder, 'stacks/Pulumi.other.yaml');
    await writeFile(other, 'config:\n  lab-cutover:layer: routes\n');
    expect((await project.cutover(['plan'])).stderr).toContain('which stack?');
    const run = await project.cutover(['plan'], { CUTOVER_STACK: 'test' });
    await rm(other);
    expect(run.stdout, run.stderr).toContain('Programme of test');
  });

  it('shows the coming windows', async () => {
    const run = await project.cutover(['plan', '--windows', '--traffic', 'archive']);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).toMatch(/pilot +Sat .* 22:00 +Sun .* 04:00 America\/Chicago/);
  });

  it('shows no window before the programme starts, and one is as long as it is when the clocks are changed', async () => {
    const file = join(project.folder, 'stacks/test/programme.yaml');
    const programme = await readFile(file, 'utf8');
    await writeFile(file, programme.replace(/^starts: .*$/m, '').concat('\nstarts: 2040-03-10\n'));
    const run = await project.cutover(['plan', '--windows', '--traffic', 'archive']);
    await writeFile(file, programme);
    // America/Chicago loses an hour in the night to 11 March 2040.
    expect(run.stdout.split('\n')[1]).toMatch(/pilot +Sat 2040-03-10 22:00 +Sun 2040-03-11 04:00 America\/Chicago +5 /);
  });

  it('says before its work where a file cannot be written', async () => {
    const run = await project.cutover(['plan', '--ical', 'nowhere/plan.ics']);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toMatch(/--ical: there is no folder .*nowhere\n/);
  });

  it('writes the waves into the inventory, and leaves everything else as it was', async () => {
    await project.cutover(['plan', '--write-waves']);
    const expected = INVENTORY.replaceAll('wave: unplanned', 'wave: WAVE');
    const text = await readFile(inventoryFile, 'utf8');
    expect(text.replaceAll(/wave: (pilot|wave-1)$/gm, 'wave: WAVE')).toBe(expected);
    expect(text.match(/wave: pilot/g)).toHaveLength(2);
  });

  it('names what is wrong in a programme, with its line', async () => {
    const file = join(project.folder, 'stacks/test/programme.yaml');
    const before = await readFile(file, 'utf8');
    await writeFile(file, `${before}freezes: [{ from: 2026-02-30, to: 2026-03-01, reason: x }]\n`);
    const run = await project.cutover(['plan']);
    await writeFile(file, before);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toMatch(/programme\.yaml:6: freezes\[0\]\.from: there is no such date/);
  });
});
