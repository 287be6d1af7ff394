/**
 * The gate as a person runs it: every source is made by its own producer (gateway, verbs, files that people edit), and each
 * red has a real cause. Nothing is changed by it, and no approval rests on a red one.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evidenceFolderOf, loadEvidence } from '../adapters/evidence-files.ts';
import { type GateDocument, gateDocumentSchema } from '../core/gate/gate-document.ts';
import { closedWindow, HANDOVER, openWindow } from './gate-site.ts';
import { type Estate, startEstate } from './verbs-estate.ts';

const LIMIT_MS = 180_000;
const run = promisify(execFile);

let folder: string;
let estate: Estate;
let name: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-gate-'));
  estate = await startEstate(1, { change: () => ({ owners: { emr: 'acme', new: 'integration-team' } }) });
  [name = ''] = estate.names;
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'ann')]);
  const key = (await readFile(join(folder, 'ann.pub'), 'utf8')).trim();
  await stackFile('signers', `ann@lab ${key} role=engineering\n`);
}, LIMIT_MS);
afterAll(async () => {
  await estate?.stop();
  await rm(folder, { recursive: true, force: true });
}, LIMIT_MS);

const stackFile = (file: string, text: string): Promise<void> =>
  writeFile(join(estate.project.folder, 'stacks/test', file), text);

async function cutover(...args: string[]): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  const { exitCode, stdout, stderr } = await estate.project.cutover(args);
  if (exitCode === 1 || exitCode === 2) throw new Error(`${args.join(' ')}: exit ${exitCode}: ${stderr}`);
  return { exitCode, stdout };
}

async function gate(): Promise<GateDocument> {
  return gateDocumentSchema.parse(JSON.parse((await cutover('gate', '--all', '--json')).stdout));
}

function of({ criteria }: GateDocument, id: string) {
  const found = criteria.find((one) => one.id === id);
  if (found === undefined) throw new Error(`the gate has no criterion ${id}`);
  return found;
}

test(
  'with nothing there everything that needs a source is red as not configured; it is frozen, and no approval rests on it',
  async () => {
    const document = await gate();
    expect(document).toMatchObject({ verdict: 'red', exitCode: 3, connections: [name] });
    for (const id of [
      'outputs-match',
      'drain-rehearsed',
      'rollback-drilled',
      'on-call',
      'reconciliation-ready',
      'raid',
      'handover',
      'people',
      'window',
      'side-effects',
    ]) {
      expect([id, of(document, id).reason]).toEqual([id, expect.stringContaining('not configured')]);
    }
    expect(of(document, 'connectivity').reason).toContain('nobody attested it');
    expect(of(document, 'rollback-ready').verdict).toBe('green');
    const kept = await loadEvidence(evidenceFolderOf(estate.project.folder, 'test'), document.digest ?? '');
    expect(kept).toMatchObject({ ok: true, value: { kind: 'gate', body: { verdict: 'red', epochs: { [name]: 1 } } } });
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const approve = await cutover(
      'approve',
      '--all',
      '--until',
      until,
      '--key',
      join(folder, 'ann'),
      '--yes',
      '--json',
    );
    expect(JSON.parse(approve.stdout)).toMatchObject({ exitCode: 3, error: { code: 'gate-red' } });
    expect((await estate.routes()).get(name)).toMatchObject({ phase: 'legacy', epoch: 1 });
    expect((await cutover('gate', '--all', '--explain')).stdout).toMatch(
      /✗ raid .*not configured[\s\S]*→ cutover raid list/,
    );
  },
  LIMIT_MS,
);

test(
  'each producer turns its own criterion, and what undoes it turns it back',
  async () => {
    await stackFile('handover.yaml', HANDOVER);
    await cutover(
      'raid',
      'add',
      '--kind',
      'risk',
      '--title',
      'vendor on leave',
      '--severity',
      'high',
      '--owner',
      'ann',
      '--review',
      '2099-01-01',
    );
    await cutover('attest', '--what', 'alert-receipt', '--by', 'Dana', '--reason', 'page 1', '--all');
    await cutover('attest', '--what', 'connectivity', '--by', 'acme', '--reason', 'saw the test order', '--all');
    await estate.project.writeInventory({ ...estate.inventory, defaults: { window: openWindow(), effects: [] } });
    const first = await gate();
    for (const id of ['handover', 'people', 'on-call', 'connectivity', 'side-effects'])
      expect([id, of(first, id).verdict]).toEqual([id, 'green']);
    expect(of(first, 'raid').reason).toMatch(/R-1 is open and high: vendor on leave \(ann\)/);
    expect(of(first, 'window').reason).toMatch(/^not configured: .*DATABASE_URL/);
    await cutover('raid', 'close', '--id', 'R-1', '--reason', 'a deputy is named');
    await stackFile('handover.yaml', HANDOVER.replace(', sent: 2026-03-03', ''));
    await estate.project.writeInventory({ ...estate.inventory, defaults: { window: closedWindow() } });
    const second = await gate();
    expect(of(second, 'raid').verdict).toBe('green');
    expect(of(second, 'people').reason).toContain('the notice of wave pilot to northside is not sent');
    expect(of(second, 'window').red.map(({ reason }) => reason)).toContain(
      'its window is closed, and the next one is more than a day away',
    );
  },
  LIMIT_MS,
);

test(
  'a waiver is signed, shown, and counts for its criterion only; a changed one does not count',
  async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await cutover(
      'waive',
      '--criterion',
      'window',
      '--all',
      '--until',
      until,
      '--reason',
      'lab is closed',
      '--key',
      join(folder, 'ann'),
      '--yes',
    );
    const document = await gate();
    expect(of(document, 'window')).toMatchObject({
      verdict: 'waived',
      waivers: [{ by: 'ann@lab', reason: 'lab is closed' }],
    });
    expect(of(document, 'outputs-match').verdict).toBe('red');
    const { stdout } = await run('ls', [join(estate.project.folder, 'stacks/test/waivers')]);
    const file = join(estate.project.folder, 'stacks/test/waivers', stdout.split('\n')[0] ?? '');
    await writeFile(file, (await readFile(file, 'utf8')).replace('lab is closed', 'lab is open'));
    const changed = await gate();
    expect(of(changed, 'window').verdict).toBe('red');
    expect(changed.warnings.join()).toContain('its signature is not one of this text');
  },
  LIMIT_MS,
);

test(
  'a waiver that would not count is not written, and the next step names the selection',
  async () => {
    const key = join(folder, 'stranger');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const waivers = join(estate.project.folder, 'stacks/test/waivers');
    const before = (await run('ls', [waivers])).stdout;
    const waiver = ['--criterion', 'raid', '--all', '--until', until, '--reason', 'x', '--key', key, '--json'];
    const unasked = await estate.project.cutover(['waive', ...waiver]);
    expect(unasked.exitCode).toBe(2);
    expect(unasked.stdout).toContain('without a terminal it needs --yes');
    const refused = await cutover('waive', ...waiver, '--yes');
    expect(refused.exitCode).toBe(3);
    expect(refused.stdout).toContain('may not waive anything');
    expect((await run('ls', [waivers])).stdout).toBe(before);
    expect((await cutover('gate', '--connection', name)).stdout).toContain(
      `cutover gate --connection ${name} --explain`,
    );
    expect((await cutover('gate', '--all', '--explain')).stdout).not.toContain('next:');
    expect(await cutover('raid', 'add', '--help')).toMatchObject({ exitCode: 0 });
  },
  LIMIT_MS,
);

test(
  'a gateway that is gone is unknown, and red',
  async () => {
    await estate.killGateway();
    const document = await gate();
    expect(of(document, 'rollback-ready')).toMatchObject({ verdict: 'red', reason: expect.stringContaining(name) });
    await estate.restartGateway();
    expect(of(await gate(), 'rollback-ready').verdict).toBe('green');
  },
  LIMIT_MS,
);
