import { expect, test } from 'vitest';
import { parseInventory } from '../core/inventory.ts';
import { parseStackConfig } from '../core/stack-config.ts';
import { inventoryYaml, partyConfigurations, planEstate, portsNeeded, SHARED_FEED, stackYaml } from './estate.ts';
import { freePorts } from './ports.ts';

const count = 60;
const ports = Array.from({ length: portsNeeded({ connections: count, gateways: 2 }) }, (_, index) => 20_000 + index);

test('an estate is an inventory that the product takes, every port its own', () => {
  const estate = planEstate(
    { connections: count, gateways: 1, onSharedFeed: 4, keepsControlIds: false },
    'seed',
    ports,
  );
  const inventory = parseInventory(inventoryYaml(estate), 'inventory.yaml');
  if (!inventory.ok) throw new Error(inventory.problems.map((problem) => problem.message).join('\n'));
  expect(inventory.value.connections).toHaveLength(count);
  expect(new Set(inventory.value.connections.map((each) => each.wave))).toEqual(new Set(['pilot', 'wave-1', 'wave-2']));
  const practices = Map.groupBy(inventory.value.connections, (each) => each.practice);
  for (const pair of practices.values()) expect(pair.map((each) => each.direction)).toEqual(['orders', 'results']);
});

test('an estate mixes the kinds of senders and platforms', () => {
  const { connections } = planEstate(
    { connections: count, gateways: 1, onSharedFeed: 4, keepsControlIds: false },
    'seed',
    ports,
  );
  const kinds = <T>(read: (connection: (typeof connections)[number]) => T): Set<T> => new Set(connections.map(read));
  expect(kinds((each) => each.regeneratesControlId)).toEqual(new Set([true, false]));
  expect(kinds((each) => each.answers.new)).toEqual(new Set(['storage', 'destination']));
  expect(kinds((each) => each.defersAcknowledgement)).toEqual(new Set([true, false]));
  expect(kinds((each) => each.ackTimeoutMs)).toEqual(new Set([5000, 10_000]));
  expect(
    planEstate({ connections: count, gateways: 1, onSharedFeed: 4, keepsControlIds: false }, 'seed', ports),
  ).toEqual(planEstate({ connections: count, gateways: 1, onSharedFeed: 4, keepsControlIds: false }, 'seed', ports));
});

test('practices are shared out among the gateways; a shared feed and all on it are on one', () => {
  const size = { connections: count, gateways: 2, onSharedFeed: 4, keepsControlIds: false };
  const inventory = parseInventory(inventoryYaml(planEstate(size, 'seed', ports)), 'inventory.yaml');
  if (!inventory.ok) throw new Error(inventory.problems.map((problem) => problem.message).join('\n'));
  expect(inventory.value.gateways.map(({ shard }) => shard)).toEqual([0, 1]);
  const shards = inventory.value.connections.map(({ shard }) => shard);
  expect(shards.filter((shard) => shard === 1)).toHaveLength(count / 2 - 2);
  const onShared = inventory.value.connections.filter(({ feed }) => feed === SHARED_FEED);
  expect(new Set(onShared.map(({ shard }) => shard))).toEqual(new Set([0]));
});

test('the stack file begins where gateway init begins', () => {
  const stack = parseStackConfig(stackYaml(['northside-orders']), 'Pulumi.rehearsal.yaml');
  expect(stack).toMatchObject({ ok: true, value: { routes: { 'northside-orders': { phase: 'legacy', epoch: 1 } } } });
});

test('each connection has one sender, one receiver and a channel on both platforms', () => {
  const estate = planEstate({ connections: 5, gateways: 1, onSharedFeed: 0, keepsControlIds: false }, 'seed', ports);
  const {
    emr,
    lis,
    legacy,
    new: next,
  } = partyConfigurations(estate, { seed: 'seed', messagesFolder: null, tablesFolder: '/nowhere' });
  expect([emr.sources.length, lis.sources.length]).toEqual([3, 2]);
  expect([emr.destinations.length, lis.destinations.length]).toEqual([2, 3]);
  expect([legacy.channels.length, next.channels.length]).toEqual([5, 5]);
});

test('a connection without a feed has a writer, a poller at both platforms, and nothing of a feed', () => {
  const size = { connections: 6, gateways: 2, onSharedFeed: 0, withoutFeed: 1, keepsControlIds: false };
  const estate = planEstate(size, 'seed', ports);
  const inventory = parseInventory(inventoryYaml(estate), 'inventory.yaml');
  if (!inventory.ok) throw new Error(inventory.problems.map((problem) => problem.message).join('\n'));
  expect(inventory.value.connections.at(-1)).toMatchObject({
    origin: 'platform',
    feed: null,
    shard: 0,
    settleMs: 1000,
  });
  const { emr, lis, legacy } = partyConfigurations(estate, { seed: 'seed', messagesFolder: null, tablesFolder: '/t' });
  const name = estate.connections.at(-1)?.name;
  expect(lis.writers).toMatchObject([{ table: `/t/${name}`, target: { connection: name } }]);
  expect(legacy.pollers).toMatchObject([{ table: `/t/${name}`, connection: name }]);
  expect([lis.sources.length, emr.destinations.length, legacy.channels.length]).toEqual([2, 3, 5]);
});

test('on a shared feed one sender serves several receivers, told apart by MSH-6', () => {
  const estate = planEstate({ connections: 8, gateways: 1, onSharedFeed: 3, keepsControlIds: true }, 'seed', ports);
  const { lis, legacy } = partyConfigurations(estate, { seed: 'seed', messagesFolder: null, tablesFolder: '/nowhere' });
  expect(lis.sources.map(({ feed, targets }) => [feed, targets.length])).toEqual([
    [SHARED_FEED, 3],
    ['hillcrest-results', 1],
  ]);
  const channel = legacy.channels.find(({ feed }) => feed === SHARED_FEED);
  expect(channel?.outputs.map(({ facility }) => facility)).toEqual(['NORTHSIDE', 'RIVERBEND', 'LAKEVIEW']);
});

test('free ports are free and distinct', async () => {
  const found = await freePorts(150);
  expect(new Set(found).size).toBe(150);
});
