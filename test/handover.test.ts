/** `cutover handover` as a process: what it finds missing, and the pack that it writes. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseInventory } from '../core/inventory.ts';

const ROOT = resolve(import.meta.dirname, '..');

describe('handover', { timeout: 900_000 }, () => {
  let folder: string;
  let pack: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cutover-handover-'));
    pack = join(folder, 'pack');
    await writeFile(join(folder, 'ca.crt'), 'a certificate');
  });
  afterAll(() => rm(folder, { recursive: true }));

  const cutover = (...args: string[]): Promise<{ code: number; document: Record<string, unknown> }> =>
    new Promise((done) => {
      const env = { ...process.env, CUTOVER_ADMIN_CA_0: join(folder, 'ca.crt'), CUTOVER_ADMIN_TOKEN: 'a-secret-token' };
      const all = [join(ROOT, 'scripts/cutover.ts'), ...args, '--json'];
      execFile(process.execPath, all, { cwd: ROOT, env }, (error, stdout) => {
        done({ code: error === null ? 0 : Number(error.code), document: JSON.parse(stdout) });
      });
    });

  it('packs a sheet a connection, the runbooks and the operations bundle, and no token', async () => {
    const done = await cutover('handover', '--stack', 'production', '--pack', pack);
    expect(done).toMatchObject({ code: 0, document: { ok: true, connections: 250, missing: [] } });
    expect(done.document.warnings).toEqual([expect.stringContaining('shard 1')]);
    expect(await readdir(join(pack, 'sheets'))).toHaveLength(250);
    expect(await readFile(join(pack, 'admin-0.crt'), 'utf8')).toBe('a certificate');
    expect(await readdir(join(pack, 'runbooks'))).toContain('rollback.md');
    const copy = parseInventory(await readFile(join(pack, 'inventory.yaml'), 'utf8'), 'inventory.yaml');
    expect(copy).toMatchObject({ ok: true });

    const sheet = await readFile(join(pack, 'sheets/alderbrook-orders.md'), 'utf8');
    for (const part of ['meridian-emr', 'lab-ops', 'port 21000', 'legacy.integration.internal:31000', '10 s']) {
      expect(sheet).toContain(part);
    }
    const everything = await Promise.all(
      (await readdir(pack, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
    );
    expect(everything.join('\n')).not.toContain('a-secret-token');
  });

  it('writes into no folder that holds something', async () => {
    expect(await cutover('handover', '--stack', 'production', '--pack', pack)).toMatchObject({ code: 2 });
  });

  it('status: what is open in handover.yaml, who is on call, and which alert the new owner acknowledged', async () => {
    const project = join(folder, 'project');
    await cp(join(ROOT, 'stacks'), join(project, 'stacks'), { recursive: true });
    for (const file of ['Pulumi.yaml', 'package.json']) await cp(join(ROOT, file), join(project, file));
    const status = (...more: string[]) =>
      cutover('handover', 'status', '--project', project, '--stack', 'production', ...more);
    const done = await status('--wave', 'pilot');
    expect(done).toMatchObject({
      code: 0,
      document: {
        ok: true,
        records: { open: [], onCall: [{ people: ['Dana Ruiz', 'Sam Okoye'], backup: ['Lee Park'] }] },
        lastAlert: null,
      },
    });

    const file = join(project, 'stacks/production/handover.yaml');
    const text = await readFile(file, 'utf8');
    const undone = text
      .replace('owner: Kim Osei, done: 2026-02-26', 'owner: Kim Osei')
      .replace(', agreed: 2026-02-11', '');
    await writeFile(file, undone);
    const open = await status('--wave', 'pilot');
    expect(open).toMatchObject({
      code: 3,
      document: {
        ok: false,
        records: {
          open: [
            { area: 'hand-off', owner: 'Bo Weber' },
            { area: 'access', owner: 'Kim Osei', what: expect.stringContaining('paging service') },
          ],
        },
      },
    });
    await writeFile(file, text);
    const receipt = ['--what', 'alert-receipt', '--by', 'Dana Ruiz', '--reason', 'page 1 acknowledged'];
    const attested = await cutover(
      'attest',
      '--project',
      project,
      '--stack',
      'production',
      '--wave',
      'pilot',
      ...receipt,
    );
    expect(attested).toMatchObject({ code: 0 });
    expect(await status()).toMatchObject({
      code: 0,
      document: { lastAlert: { by: 'Dana Ruiz', isOnCall: true }, records: { open: [] } },
    });
  });

  it('is red where nobody is named for a party', async () => {
    const red = await cutover('handover', '--stack', 'local', '--connection', 'northside-orders');
    expect(red).toMatchObject({
      code: 3,
      document: { missing: [{ connection: 'northside-orders', parties: ['legacy', 'new', 'emr', 'lab'] }], pack: null },
    });
  });
});
