/** The edge layer on the real engine with a cloud that is none: what a platform engineer and the cutover lead see. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { exampleInventory } from './testing/example-inventory.ts';
import { createStandInProject, type StandInProject } from './testing/stand-in-stack.ts';

const EDGE = 'production-edge';
const ORDERS = 'alderbrook-orders';
const RESULTS = 'alderbrook-results';
const LISTENER = 'aws:lb/listener:Listener';
const LIMIT_MS = 300_000;
const BUILD_LIMIT_MS = 900_000;

describe('the edge layer on the real engine', { timeout: LIMIT_MS }, () => {
  let gateways: readonly FakeGateway[];
  let project: StandInProject;

  beforeAll(async () => {
    const deployment = 'lab-prod-1';
    gateways = [
      await startFakeGateway({ connections: [ORDERS, RESULTS], deployment, shard: 0 }),
      await startFakeGateway({ connections: ['alderfield-orders', 'alderfield-results'], deployment, shard: 1 }),
    ];
    project = await createStandInProject();
    const inventory = exampleInventory(
      2,
      gateways.map(({ admin }) => admin),
    );
    await writeFile(join(project.folder, 'stacks/production/inventory.yaml'), inventory);
    await project.run(EDGE, ['stack', 'init']);
    expect(await project.run(EDGE, ['up', '--yes', '--skip-preview'])).toMatchObject({ exitCode: 0 });
    await project.calls();
  }, BUILD_LIMIT_MS);
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await project.remove();
  });

  const cutover = (...args: string[]): Promise<{ exitCode: number; document: Record<string, unknown>; said: string }> =>
    new Promise((done) => {
      const [first, second] = gateways;
      const env = {
        ...project.env,
        CUTOVER_ADMIN_TOKEN_0: first?.token,
        CUTOVER_ADMIN_CA_0: first?.certificatePath,
        CUTOVER_ADMIN_TOKEN_1: second?.token,
        CUTOVER_ADMIN_CA_1: second?.certificatePath,
      };
      const main = resolve(import.meta.dirname, '../scripts/cutover.ts');
      const all = [main, ...args, '--stack', 'production', '--json'];
      execFile(process.execPath, all, { cwd: project.folder, env }, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : Number(error.code);
        done({ exitCode, document: JSON.parse(stdout || '{}'), said: stderr });
      });
    });
  const weights = async (feed: string): Promise<unknown> => {
    const listener = (await project.resources()).find(({ urn }) => urn.endsWith(`${LISTENER}::${feed}`));
    const [action] = Object(listener?.outputs.defaultActions);
    return action.forward.targetGroups.map(({ weight }: { weight: number }) => weight);
  };

  it('keeps the kubeconfig out of the state in the clear', async () => {
    const { output } = await project.run(EDGE, ['stack', 'export']);
    expect(output).toContain('ConnectionRoute');
    expect(output).not.toContain('kind: Config');
  });

  it('inserts: only the listeners of the selected feeds change, and the weights are read back', async () => {
    const dry = await cutover('insert', '--connection', `${ORDERS},${RESULTS}`, '--dry-run');
    expect(dry).toMatchObject({ exitCode: 0, document: { plan: [{ to: 'gateway' }, { to: 'gateway' }], changed: [] } });
    expect(await project.calls()).toEqual([]);

    const done = await cutover('insert', '--connection', `${ORDERS},${RESULTS}`, '--yes');
    expect(done, done.said).toMatchObject({
      exitCode: 0,
      document: { changed: [{ feed: ORDERS }, { feed: RESULTS }] },
    });
    expect([...(await project.calls())].sort()).toEqual([
      `update ${LISTENER}::${ORDERS}`,
      `update ${LISTENER}::${RESULTS}`,
    ]);
    expect(await weights(ORDERS)).toEqual([0, 100, 0]);
    const file = await readFile(join(project.folder, `stacks/Pulumi.${EDGE}.yaml`), 'utf8');
    expect(file).toContain(`${ORDERS}: {path: gateway}`);
    expect(file).toContain('# senders keep a connection open over nights');
    expect(await cutover('status', '--connection', `${ORDERS},alderfield-orders`)).toMatchObject({
      document: { connections: [{ path: 'gateway' }, { path: 'direct-legacy' }] },
    });
    expect(await cutover('insert', '--connection', ORDERS, '--yes')).toMatchObject({
      exitCode: 0,
      document: { changed: [], alreadyThere: [{ feed: ORDERS, path: 'gateway' }] },
    });
  });

  it('finds a weight of 0 that the cloud has lost, and says what it read', async () => {
    await project.tamper(`${LISTENER}::${RESULTS}`, (kept) => {
      const text = JSON.stringify(kept.outputs).replace(',"weight":0', '');
      return { ...kept, outputs: JSON.parse(text), inputs: JSON.parse(text) };
    });
    const { exitCode, output } = await project.run(EDGE, ['preview', '--diff', '--refresh']);
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect(output).toContain('weight');
    await project.run(EDGE, ['up', '--yes', '--skip-preview', '--refresh']);
    expect(await weights(RESULTS)).toEqual([0, 100, 0]);
  });

  it('refuses to remove what is in parallel, and by force leads past a gateway that is gone', async () => {
    gateways[0]?.setRoute(ORDERS, { phase: 'parallel', newWeight: 0, epoch: 2 });
    const refused = await cutover('remove', '--connection', ORDERS, '--reason', 'test', '--yes');
    expect(refused).toMatchObject({ exitCode: 3, document: { refused: [{ code: 'in-use' }], changed: [] } });
    expect(await weights(ORDERS)).toEqual([0, 100, 0]);

    const forced = await cutover('remove', '--connection', ORDERS, '--reason', 'test', '--force', '--yes');
    expect(forced, forced.said).toMatchObject({ exitCode: 0, document: { changed: [{ to: 'direct to legacy' }] } });
    expect(await weights(ORDERS)).toEqual([100, 0, 0]);
  });

  it('needs a reason to remove, and --yes without a terminal', async () => {
    expect(await cutover('remove', '--connection', ORDERS)).toMatchObject({ exitCode: 2 });
    expect(await cutover('insert', '--connection', ORDERS)).toMatchObject({ exitCode: 2 });
  });

  it('refuses a misspelt and a mistyped setting before anything is asked of a cloud', async () => {
    const file = join(project.folder, `stacks/Pulumi.${EDGE}.yaml`);
    const good = await readFile(file, 'utf8');
    for (const [from, to] of [
      ['idleTimeout', 'idelTimeout'],
      ['operatorRanges: [10.70.0.0/24]', 'operatorRanges: [0.0.0.0/0]'],
    ] as const) {
      await writeFile(file, good.replace(from, to));
      const { exitCode, output } = await project.run(EDGE, ['preview']);
      expect(exitCode).not.toBe(0);
      expect(output).toContain(`stacks/Pulumi.${EDGE}.yaml:`);
    }
    await writeFile(file, good);
  });
});
