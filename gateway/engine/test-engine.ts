/**
 * For tests: an engine of one connection, `northside` unless a test says otherwise, over effects of which a test gives those that it
 * looks at.
 */
import { parseInventory } from '../../core/inventory.ts';
import type { Effects } from './io.ts';
import { ShardEngine } from './shard.ts';

export function northsideEngine(effects: Partial<Effects>, over: object = {}): ShardEngine {
  const nothing = (): void => {};
  const peer = { host: '127.0.0.1', port: 9 };
  const connection = {
    name: 'northside',
    direction: 'orders',
    practice: 'p',
    wave: 'w',
    feed: { port: 200, platforms: { legacy: peer, new: peer } },
    legs: { legacy: { port: 300 }, new: { port: 400 } },
    destination: peer,
    ...over,
  };
  const gateways = [{ shard: 0, admin: 'https://127.0.0.1:1' }];
  const parsed = parseInventory(JSON.stringify({ deployment: 'lab', gateways, connections: [connection] }), 'i.yaml');
  if (!parsed.ok) throw new Error('the inventory of the test is wrong');
  const options = { inventory: parsed.value, shard: 0, target: 'local', frameLimitBytes: 1024 } as const;
  return new ShardEngine(options, {
    send: nothing,
    connect: nothing,
    close: nothing,
    pause: nothing,
    resume: nothing,
    append: nothing,
    read: nothing,
    arm: nothing,
    disarm: nothing,
    log: nothing,
    ...effects,
  });
}
