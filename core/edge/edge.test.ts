/** Paths, load balancers and the edge stack's config, without a cloud. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GOOD } from '../inventory.example.ts';
import { parseInventory } from '../inventory.ts';
import { EDGE, EDGE_FILE } from './edge.example.ts';
import { edgeClashes, parseEdgeStack } from './edge-config.ts';
import { LISTENERS_LIMIT, listeningFeedsOf, loadBalancerOf, loadBalancersFor } from './load-balancers.ts';
import { FIRST_PATH, type PathEntry, pathOf, weightsOf } from './path.ts';

describe('the path of a feed', () => {
  const paths: readonly PathEntry[] = [FIRST_PATH, { path: 'gateway' }, { path: 'direct', platform: 'new' }];

  it('gives one target everything and names the two others with weight 0', () => {
    for (const path of paths) {
      const weights = Object.values(weightsOf(path));
      expect(weights).toHaveLength(3);
      expect(weights.filter((weight) => weight === 0)).toHaveLength(2);
      expect(pathOf(weightsOf(path))).toEqual(path);
    }
  });

  it('takes a target that is missing on read-back for unknown, not for 0', () => {
    expect(pathOf({ gateway: 100 })).toBeNull();
    expect(pathOf({ gateway: 100, 'direct-legacy': 0 })).toBeNull();
    expect(pathOf({ gateway: 100, 'direct-legacy': 0, 'direct-new': 0 })).toEqual({ path: 'gateway' });
  });

  it('knows no path where two targets get traffic, or none', () => {
    expect(pathOf({ gateway: 50, 'direct-legacy': 50, 'direct-new': 0 })).toBeNull();
    expect(pathOf({ gateway: 0, 'direct-legacy': 0, 'direct-new': 0 })).toBeNull();
  });
});

describe('the load balancer of a feed', () => {
  const feeds = (inventoryPorts: readonly number[]) =>
    inventoryPorts.map((port) => ({ name: `feed-${port}`, shard: 0, port }));

  it('never holds more listeners than AWS allows, and a new feed moves no other', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 5_000 }),
        fc.integer({ min: 1, max: 65_535 }),
        (ports, added) => {
          const before = new Map(feeds(ports).map((feed) => [feed.name, loadBalancerOf(feed)]));
          const after = loadBalancersFor(feeds([...new Set([...ports, added])]));
          for (const balancer of after) {
            expect(balancer.listeners.length).toBeLessThanOrEqual(LISTENERS_LIMIT);
            for (const name of balancer.listeners) expect([undefined, balancer.name]).toContain(before.get(name));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is another one for each shard, since two shards may use one port', () => {
    expect(loadBalancerOf({ shard: 0, port: 21_049 })).toBe('s0-p21000');
    expect(loadBalancerOf({ shard: 1, port: 21_049 })).toBe('s1-p21000');
    expect(loadBalancerOf({ shard: 0, port: 21_050 })).toBe('s0-p21050');
  });
});

describe('the config of an edge stack', () => {
  const problemsOf = (text: string): string[] => {
    const parsed = parseEdgeStack(text, EDGE_FILE);
    return parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path}: ${message}`);
  };

  it('is read with its defaults, durations in milliseconds', () => {
    const parsed = parseEdgeStack(EDGE, EDGE_FILE);
    expect(parsed).toMatchObject({ ok: true });
    if (!parsed.ok) return;
    expect(parsed.value.edge).toMatchObject({ idleTimeout: 6_000_000, deregistrationDelay: 60_000 });
    expect(parsed.value.paths['alderbrook-orders']).toEqual({ path: 'gateway' });
  });

  it.each([
    ['sourceRanges: [10.60.0.0/16]', 'sourceRanges: [0.0.0.0/0]', 'never 0.0.0.0/0'],
    ['idleTimeout: 6000s', 'idleTimeout: 10s', 'from 60s to 6000s'],
    ['"000000000000"', '"12"', '12 digits'],
    ['platform: new }', 'platform: newest }', "'newest'; it can be legacy or new"],
    ['{ path: gateway }', '{ path: tunnel }', 'a path is'],
    ['subnetIds: [subnet-0a, subnet-0b]', 'subnetIds: [subnet-0a]', 'the least is 2'],
    ['region: us-east-1', 'regoin: us-east-1', 'regoin'],
  ])('refuses %s as %s', (good, bad, said) => {
    expect(EDGE).toContain(good);
    expect(problemsOf(EDGE.replace(good, bad)).join('\n')).toContain(said);
  });

  it('has no listener for a feed or a leg that the gateway dials, and refuses a path for one', () => {
    const dialled = GOOD.replace('port: 21001\n', 'port: 21001\n      connect: dial\n      host: emr.internal\n');
    expect(dialled).not.toBe(GOOD);
    const inventory = parseInventory(dialled, 'inventory.yaml');
    const stack = parseEdgeStack(EDGE.replaceAll('alderbrook-orders', 'northside-orders'), EDGE_FILE);
    if (!inventory.ok || !stack.ok) throw new Error('the examples hold');
    expect(listeningFeedsOf(inventory.value).map(({ name }) => name)).not.toContain('northside-orders');
    const clashes = edgeClashes(stack.value, inventory.value, EDGE_FILE).filter(({ path }) =>
      path.includes('northside-orders'),
    );
    expect(clashes).toMatchObject([{ message: expect.stringMatching(/dials the sender/) }]);
  });

  it('refuses a path without a feed, and a health check that would open an MLLP port', () => {
    const inventory = parseInventory(GOOD, 'inventory.yaml');
    const text = EDGE.replace('protocol: tcp, port: 8443', 'protocol: tcp, port: 31001');
    const stack = parseEdgeStack(text, EDGE_FILE);
    if (!inventory.ok || !stack.ok) throw new Error('the examples hold');
    const clashes = edgeClashes(stack.value, inventory.value, EDGE_FILE).map(
      ({ path, message }) => `${path} ${message}`,
    );
    expect(clashes).toHaveLength(3);
    expect(clashes[0]).toContain('alderbrook-orders');
    expect(clashes[2]).toContain("port 31001 is the MLLP port of 'northside-orders' at legacy");
  });
});
