/** `--inventory F`: the user's own inventory, whose EMRs, LIS and platforms the rehearsal plays on the ports it names. */
import { type Connection, type Feed, type Inventory, parseInventory } from '../core/inventory.ts';
import { formatProblem } from '../core/located-yaml.ts';
import type { Estate, EstateConnection } from './estate.ts';
import { randomFrom } from './hl7/random.ts';

const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost']);
const UNKNOWN_ACK_TIMEOUT_MS = 5000;

/** @throws Error that names what a rehearsal cannot play. */
export function estateFromInventory(text: string, file: string, seed: string): Estate {
  const parsed = parseInventory(text, file);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  const inventory = parsed.value;
  const gateways = inventory.gateways.toSorted((a, b) => a.shard - b.shard);
  if (gateways.some(({ shard }, index) => shard !== index))
    throw new Error(`${file}: a rehearsal plays gateways whose shards are 0, 1, … without a gap`);
  const random = randomFrom(`${seed}/estate`);
  const style = (): 'storage' | 'destination' => (random.chance(0.5) ? 'storage' : 'destination');
  const connections = inventory.connections.map((connection, index): EstateConnection => {
    const feed = feedOf(inventory, connection, file);
    return {
      name: connection.name,
      direction: connection.direction,
      practice: connection.practice,
      wave: connection.wave,
      index,
      facility: connection.practice.toUpperCase(),
      feed: connection.name,
      shard: feed.shard,
      feedPort: feed.port,
      ackTimeoutMs: feed.ackTimeoutMs ?? UNKNOWN_ACK_TIMEOUT_MS,
      platformPorts: { legacy: feed.platforms.legacy.port, new: feed.platforms.new.port },
      legPorts: { legacy: connection.legs.legacy.port, new: connection.legs.new.port },
      destinationPort: connection.destination.port,
      answers: { legacy: style(), new: style() },
      latencyMs: random.integer(1, 6),
      jitterMs: random.integer(1, 12),
      regeneratesControlId: false,
    };
  });
  return { adminPorts: gateways.map(({ admin }) => Number(new URL(admin).port)), connections };
}

function feedOf(inventory: Inventory, connection: Connection, file: string): Feed {
  const feed = inventory.feeds.find(({ name }) => name === connection.feed);
  if (feed === undefined) throw new Error(`${file}: ${connection.name} has no feed`);
  if (feed.connections.length > 1) {
    throw new Error(
      `${file}: feed ${feed.name} serves several connections; the rehearsal plays feeds of one connection`,
    );
  }
  const { legacy, new: next } = connection.legs;
  if (feed.port === 0 || legacy.port === 0 || next.port === 0) {
    throw new Error(`${file}: ${connection.name} leaves a port to the gateway (0); the rehearsal needs to know it`);
  }
  for (const { host } of [feed.platforms.legacy, feed.platforms.new, connection.destination]) {
    if (LOOPBACK_HOSTS.has(host)) continue;
    throw new Error(`${file}: ${connection.name} names the host ${host}; a rehearsal sends to 127.0.0.1 only`);
  }
  return feed;
}
