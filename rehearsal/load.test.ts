/** The parties as one: a platform that is killed takes what it had in its hands with it, and the others go on. */
import { afterEach, expect, test } from 'vitest';
import { partyConfigurations, planEstate, portsNeeded } from './estate.ts';
import { Load } from './load.ts';
import { freePorts } from './ports.ts';

const CONNECTIONS = 2;
const PATIENCE_MS = 20_000;
let load: Load | undefined;

afterEach(() => load?.end());

/** The feeds lead straight to the new platform, whose legs nobody serves: so what it takes stays in its hands. */
async function newPlatformAlone(): Promise<Load> {
  const size = { connections: CONNECTIONS, gateways: 1, onSharedFeed: 0, keepsControlIds: false };
  const estate = planEstate(size, 'load-test', await freePorts(portsNeeded(size)));
  const connections = estate.connections.map((each) => ({
    ...each,
    feedPort: each.platformPorts.new,
    answers: { legacy: 'storage', new: 'storage' } as const,
  }));
  return new Load(
    partyConfigurations(
      { ...estate, connections },
      { seed: 'load-test', messagesFolder: null, tablesFolder: '/nowhere' },
    ),
  );
}

test('a killed platform is gone with its messages; it comes back empty, and the senders go on', async () => {
  load = await newPlatformAlone();
  await load.configure();
  await load.start(40);
  const signal = AbortSignal.timeout(PATIENCE_MS * 3);
  expect(await load.flow(2, PATIENCE_MS, signal)).toBe(true);
  expect(await load.pendingAt('new')).toBeGreaterThan(0);

  await load.kill('new');
  const alone = await load.traffic();
  expect(alone.accepted).toBeGreaterThan(0);
  expect(alone.pending).toBe(0);

  await load.revive('new');
  expect(await load.flow(2, PATIENCE_MS, signal)).toBe(true);
}, 90_000);
