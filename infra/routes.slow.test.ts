/**
 * The routes of the example production, 250 connections on two shards, through every phase on the real engine. The layer needs
 * neither AWS nor Kubernetes: nothing in the environment names either. A change of phase asks for exactly the moves of what was
 * changed. (Approvals have tests of their own: the example is of target local here.)
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../adapters/gateway-admin.fake.ts';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { exampleInventory, exampleRoutes } from './testing/example-inventory.ts';
import { createStandInProject, type StandInProject } from './testing/stand-in-stack.ts';

const STACK = 'production';
const LIMIT_MS = 1_200_000;
const CONNECTIONS = 250;
const ONE = 'alderbrook-orders';

describe('the routes of the example production', { timeout: LIMIT_MS }, () => {
  let gateways: readonly FakeGateway[];
  let project: StandInProject;
  let inventoryText: string;

  beforeAll(async () => {
    const first = inventoryOf(exampleInventory());
    gateways = await Promise.all(first.gateways.map(({ shard }) => startFakeGateway(servedBy(first, shard))));
    const admins = gateways.map(({ admin }) => admin);
    inventoryText = exampleInventory(CONNECTIONS / 2, admins).replace('target: production', 'target: local');
    project = await createStandInProject(
      Object.fromEntries(
        gateways.flatMap(({ token, certificatePath }, shard) => [
          [`CUTOVER_ADMIN_TOKEN_${shard}`, token],
          [`CUTOVER_ADMIN_CA_${shard}`, certificatePath],
        ]),
      ),
    );
    await writeFile(join(project.folder, 'stacks/production/inventory.yaml'), inventoryText);
    await project.run(STACK, ['stack', 'init']);
  }, LIMIT_MS);
  afterAll(async () => {
    await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
    await project?.remove();
  }, LIMIT_MS);

  const moves = (): number => gateways.reduce((sum, gateway) => sum + gateway.moves.splice(0).length, 0);
  const routesAre = (entry: string, one = entry): Promise<void> => {
    const routes = exampleRoutes(inventoryText, entry).replace(`    ${ONE}: ${entry}\n`, `    ${ONE}: ${one}\n`);
    return writeFile(join(project.folder, `stacks/Pulumi.${STACK}.yaml`), routes);
  };
  const up = async (): Promise<string> => {
    const { exitCode, output } = await project.run(STACK, ['up', '--yes', '--skip-preview', '--parallel', '64']);
    expect({ exitCode, output: output.slice(-2000) }).toMatchObject({ exitCode: 0 });
    return output;
  };

  it('runs where nothing names AWS or a cluster', () => {
    const named = Object.entries(project.env).filter(([name]) => /^(AWS_|KUBE)/.test(name));
    expect(named).toEqual([['KUBECONFIG', '/dev/null']]);
  });

  it('previews and comes up with every connection in legacy, without a move', async () => {
    await routesAre('{phase: legacy, epoch: 1}');
    const preview = await project.run(STACK, ['preview']);
    expect(preview, preview.output.slice(-2000)).toMatchObject({ exitCode: 0 });
    expect(await up()).toMatch(new RegExp(`\\+ ${CONNECTIONS + 2 + 1} created`));
    expect(moves()).toBe(0);
  });

  it('moves one connection and touches no other', async () => {
    await routesAre('{phase: legacy, epoch: 1}', '{phase: parallel, epoch: 2}');
    const output = await up();
    expect(output).toMatch(/~ 1 updated/);
    expect(moves()).toBe(1);
    await routesAre('{phase: legacy, epoch: 1}', '{phase: legacy, epoch: 3, reason: back}');
    await up();
    expect(moves()).toBe(1);
  });

  it.each([
    ['{phase: parallel, epoch: 2}', '{phase: parallel, epoch: 4}', 'parallel'],
    ['{phase: switched, epoch: 3}', '{phase: switched, epoch: 5}', 'switched'],
    ['{phase: parallel, epoch: 4, reason: drill}', '{phase: parallel, epoch: 6, reason: drill}', 'parallel'],
    ['{phase: switched, epoch: 5}', '{phase: switched, epoch: 7}', 'switched'],
    ['{phase: decommissioned, epoch: 6}', '{phase: decommissioned, epoch: 8}', 'decommissioned'],
  ])('moves all of them to %s', async (entry, one, phase) => {
    await routesAre(entry, one);
    expect(await up()).toMatch(new RegExp(`~ ${CONNECTIONS} updated`));
    expect(moves()).toBe(CONNECTIONS);
    expect(gateways[0]?.route(ONE).phase).toBe(phase);
  });

  it('has nothing to do afterwards', async () => {
    const again = await project.run(STACK, ['preview', '--expect-no-changes']);
    expect(again, again.output.slice(-2000)).toMatchObject({ exitCode: 0 });
    expect(moves()).toBe(0);
  });

  it('refuses a misspelt and a mistyped entry by file and line', async () => {
    for (const wrong of [
      '{phase: decommissioned, epohc: 6}',
      '{phase: retired, epoch: 6}',
      '{phase: legacy, epoch: six}',
    ]) {
      await routesAre('{phase: decommissioned, epoch: 6}', wrong);
      const { exitCode, output } = await project.run(STACK, ['preview']);
      expect(exitCode, wrong).not.toBe(0);
      expect(output).toMatch(new RegExp(`stacks/Pulumi\\.${STACK}\\.yaml:\\d+:`));
    }
  });
});

function inventoryOf(text: string): Inventory {
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error('the example holds');
  return parsed.value;
}

function servedBy(inventory: Inventory, shard: number): Parameters<typeof startFakeGateway>[0] {
  const own = inventory.connections.filter((connection) => connection.shard === shard);
  const feeds = inventory.feeds.filter((feed) => feed.shard === shard).map(({ name, port }) => [name, port] as const);
  return {
    shard,
    deployment: inventory.deployment,
    connections: own.map(({ name }) => name),
    serves: {
      feeds: Object.fromEntries(feeds),
      legs: Object.fromEntries(own.map(({ name, legs }) => [name, { legacy: legs.legacy.port, new: legs.new.port }])),
    },
  };
}
