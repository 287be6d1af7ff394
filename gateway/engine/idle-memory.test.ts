/** Rule 15: thousands of feeds that are idle take little: what a feed may need one day is made when it is needed. */
import { Session } from 'node:inspector/promises';
import { expect, test } from 'vitest';
import { parseInventory } from '../../core/inventory.ts';
import { NOTHING } from '../checkpoint/compactor.ts';
import { ShardEngine } from './shard.ts';

const FEEDS = 2000;
/** It is 10.4 KB; with every map made at once it was 18.6. */
const LIMIT_BYTES_A_FEED = 14_000;

test('an idle feed with its connection takes less than 14 KB in the engine', async () => {
  const inventory = inventoryOf(FEEDS);
  const before = await liveBytes();
  const engine = new ShardEngine({ inventory, shard: 0, target: 'local', frameLimitBytes: 1024 }, NOTHING);
  const bytes = (await liveBytes()) - before;
  expect(engine.feeds.size).toBe(FEEDS);
  expect(bytes / FEEDS).toBeLessThan(LIMIT_BYTES_A_FEED);
});

async function liveBytes(): Promise<number> {
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.collectGarbage');
  session.disconnect();
  return process.memoryUsage().heapUsed;
}

function inventoryOf(feeds: number) {
  const lines = ['deployment: lab', 'gateways: [{ shard: 0, admin: "https://127.0.0.1:7443" }]', 'connections:'];
  for (let index = 0; index < feeds; index++) {
    const port = 20_000 + 2 * index;
    lines.push(
      `  - name: c${index}`,
      '    direction: results',
      `    practice: practice-${index}`,
      '    wave: all',
      '    feed: { port: 0, platforms: { legacy: { host: 10.0.0.1, port: 1 }, new: { host: 10.0.0.2, port: 1 } } }',
      `    legs: { legacy: { port: ${port} }, new: { port: ${port + 1} } }`,
      '    destination: { host: 10.0.0.3, port: 1 }',
      '    correlate: [MSH-10]',
      '    outputs: zero-or-one',
    );
  }
  const parsed = parseInventory(lines.join('\n'), 'inventory.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems[0]));
  return parsed.value;
}
