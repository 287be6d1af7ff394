/** Connections without a feed in the inventory: given what is written, then what they are, or what contradicts and what to do. */
import { describe, expect, test } from 'vitest';
import { parseInventory } from './inventory.ts';

const LEGS = { legacy: { port: 22_950 }, new: { port: 23_950 } };
const FLOW = {
  name: 'archive-results',
  origin: 'platform',
  direction: 'results',
  practice: 'northside',
  wave: 'pilot',
  legs: LEGS,
  destination: { host: 'emr.northside', port: 34_050 },
};
const PLATFORMS = { legacy: { host: 'legacy', port: 31_001 }, new: { host: 'new', port: 32_001 } };

function parse(over: object): ReturnType<typeof parseInventory> {
  const gateways = [0, 1].map((shard) => ({ shard, admin: `https://10.0.0.1${shard}:7443` }));
  const text = JSON.stringify({ deployment: 'lab-1', gateways, connections: [{ ...FLOW, ...over }] });
  return parseInventory(text, 'inventory.yaml');
}

function problemsOf(over: object): string[] {
  const parsed = parse(over);
  if (parsed.ok) return [];
  return parsed.problems.map(({ path, message, remedy }) => `${path}: ${message} → ${remedy}`);
}

describe('given a connection with origin: platform', () => {
  test('then it has no feed, is of its own shard, and makes none for the gateway', () => {
    const parsed = parse({ shard: 1, settle: '30s' });
    expect(parsed).toMatchObject({
      ok: true,
      value: { feeds: [], connections: [{ origin: 'platform', feed: null, shard: 1, settleMs: 30_000 }] },
    });
  });

  test.each([
    ['feed', { port: 21_001, platforms: PLATFORMS }],
    ['weightKey', ['PID-3.1']],
    ['correlate', ['MSH-10']],
    ['applies', { 'MSH-5': 'A' }],
    ['outputs', 'one'],
    ['capture', { wait: '1s' }],
    ['orderWait', '1s'],
    ['changeOver', 'at-offset'],
  ])('when it says %s, then that is refused where it stands, with the remedy', (key, value) => {
    const [problem = ''] = problemsOf({ [key]: value });
    expect(problem).toContain(`connections[0].${key}:`);
    expect(problem).toContain('contradicts origin: platform');
    expect(problem).toContain('→ remove');
  });

  test('when no gateway has its shard, then that is said at its shard', () => {
    expect(problemsOf({ shard: 7 })).toEqual([expect.stringContaining('connections[0].shard: no gateway has shard 7')]);
  });

  test('when its legs are on one port, or on one with another, then that clashes as for every connection', () => {
    expect(problemsOf({ legs: { legacy: { port: 22_950 }, new: { port: 22_950 } } })[0]).toContain('port 22950');
  });
});

describe('given a connection whose outputs come from a feed', () => {
  test('when it names none, then both ways out are named', () => {
    const [problem = ''] = problemsOf({ origin: 'feed' });
    expect(problem).toContain('connections[0].feed: it has no feed');
    expect(problem).toContain('`origin: platform`');
  });

  test('when it names a shard of its own, then it is sent to its feed', () => {
    const feed = { port: 21_001, platforms: PLATFORMS };
    expect(problemsOf({ origin: 'feed', feed, shard: 1 })).toEqual([
      expect.stringContaining('connections[0].shard: its shard is that of its feed'),
    ]);
  });
});
