import { describe, expect, test } from 'vitest';
import { GOOD, read } from './inventory.example.ts';
import { type Inventory, inventoryJsonSchema } from './inventory.ts';

describe('given a good inventory, when it is read', () => {
  test('then deployment, target and gateways are there', () => {
    expect(good()).toMatchObject({
      deployment: 'lab-prod-1',
      target: 'production',
      gateways: [
        { shard: 0, admin: 'https://10.20.0.10:7443' },
        { shard: 1, admin: 'https://10.20.0.11:7443' },
      ],
    });
  });

  test('then every feed knows whom it serves, and a feed of its own has its connection’s name', () => {
    expect(good().feeds.map(({ name, shard, connections }) => [name, shard, connections])).toEqual([
      ['lis-results', 1, ['northside-results', 'southside-results']],
      ['northside-orders', 0, ['northside-orders']],
    ]);
  });

  test('then a connection is in the shard of its feed', () => {
    expect(good().connections.map(({ name, feed, shard }) => [name, feed, shard])).toEqual([
      ['northside-orders', 'northside-orders', 0],
      ['northside-results', 'lis-results', 1],
      ['southside-results', 'lis-results', 1],
    ]);
  });

  test('then what is written is what is read, with durations in milliseconds', () => {
    const [feed] = good().feeds.filter(({ name }) => name === 'northside-orders');
    expect(feed).toMatchObject({
      port: 21001,
      ackTimeoutMs: 10_000,
      retry: { withinMs: 1_800_000, ignore: ['MSH-7', 'ZMS-1'] },
      platforms: {
        legacy: { host: 'legacy.internal', port: 31001, answer: 'msa2', answerTimeoutMs: null },
        new: { host: 'new.internal', port: 32001, answer: null, answerTimeoutMs: 3000 },
      },
    });
    const [connection] = good().connections;
    expect(connection).toMatchObject({
      previousNames: ['north-orders'],
      direction: 'orders',
      practice: 'northside',
      wave: 'pilot',
      owners: { legacy: 'prior-team', new: 'integration-team', emr: 'northside-vendor', lab: 'lab-ops' },
      weightKey: ['PID-3.1'],
      destination: { host: 'lis.internal', port: 33001 },
      correlate: ['MSH-10'],
      outputs: 'one',
      captureWaitMs: 500,
      legs: {
        legacy: { port: 22001, ackTimeoutMs: 20_000, match: null, framing: { start: 0x0b, end: [0x1c, 0x0d] } },
        new: { port: 23001, ackTimeoutMs: null, match: null, framing: { start: 2, end: [3, 13] } },
      },
    });
  });

  test('then what is not written has the defaults of the reference', () => {
    const connection = good().connections.find(({ name }) => name === 'northside-results');
    expect(connection).toMatchObject({
      previousNames: [],
      owners: {},
      weightKey: null,
      correlate: null,
      outputs: 'one',
      applies: { 'MSH-5': 'NORTHSIDE' },
      settleMs: null,
      captureWaitMs: 2000,
      unclassifiedEffects: [],
      edgeCases: [],
      destination: { answer: null, answerTimeoutMs: null, framing: { start: 0x0b, end: [0x1c, 0x0d] } },
      legs: { legacy: { retry: { withinMs: 3_600_000, ignore: ['MSH-7'] } } },
    });
    expect(read(GOOD.replace('target: production\n', '')).target).toBe('local');
  });

  test('then only side effects without a handling count as unclassified', () => {
    expect(good().connections[0]?.unclassifiedEffects).toEqual(['table-write']);
  });

  test('then a feed may leave its port to the gateway, also twice', () => {
    const text = GOOD.replace('port: 21900', 'port: 0').replace('port: 21001', 'port: 0');
    expect(read(text).feeds.map(({ port }) => port)).toEqual([0, 0]);
  });

  test('then the same port in two shards is no clash: they are two machines', () => {
    expect(read(GOOD.replace('port: 21900', 'port: 21001')).feeds).toHaveLength(2);
  });

  test('then the JSON Schema for editors lets the defaults be left out', () => {
    const schema = JSON.stringify(inventoryJsonSchema());
    expect(schema).toContain('"required":["deployment","gateways","connections"]');
  });
});

function good(): Inventory {
  return read(GOOD);
}
