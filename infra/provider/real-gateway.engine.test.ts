/** The provider between the real engine and a real gateway: a connection's whole life, by hand. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayClient } from '../../adapters/gateway-admin.ts';
import { freePorts } from '../../adapters/test-ports.ts';
import { createTestStack, inventoryOf, type TestStack } from './engine-harness.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';

const NAME = 'northside-orders';
const PLACEHOLDER = 'https://127.0.0.1:7443';
const ENGINE_LIMIT_MS = 900_000;
const LIMIT_MS = 180_000;

describe('routes at a real gateway', { timeout: LIMIT_MS }, () => {
  let gateway: GatewayProcess;
  let stack: TestStack;
  let client: GatewayClient;
  let peer: Server;

  beforeAll(async () => {
    const [legacy = 0, next = 0] = await freePorts(2);
    peer = await startPeer();
    const connections = [{ name: NAME, legs: { legacy, new: next }, peerPort: portOf(peer) }];
    gateway = await startGatewayProcess(inventoryOf(PLACEHOLDER, connections));
    client = new GatewayClient({ admin: gateway.admin, shard: 0, env: gateway.env });
    stack = await createTestStack(gateway.env);
    await stack.writeInventory(gateway.admin, connections);
  }, ENGINE_LIMIT_MS);
  afterAll(async () => {
    await client?.close();
    await gateway?.stop();
    await stack?.remove();
    peer?.close();
  });

  it('are moved through all phases, and the epoch history names Pulumi and the reason', async () => {
    const life = [
      { phase: 'legacy', epoch: 1 },
      { phase: 'parallel', epoch: 2 },
      { phase: 'switched', epoch: 3 },
      { phase: 'parallel', epoch: 4, reason: 'the new platform is slow' },
      { phase: 'switched', epoch: 5 },
      { phase: 'decommissioned', epoch: 6 },
    ];
    for (const entry of life) {
      await stack.writeRoutes({ [NAME]: entry });
      const up = await stack.up();
      expect(up.exitCode, up.output).toBe(0);
      const { phase, epoch } = entry;
      expect(await client.connection(NAME)).toMatchObject({ ok: true, value: { phase, epoch } });
      expect((await stack.routes())[NAME]?.outputs).toMatchObject({ phase, epoch });
    }
    const epochs = await client.epochs(NAME);
    expect(epochs).toMatchObject({ ok: true });
    if (!epochs.ok) return;
    expect(epochs.value.slice(-5).map(({ epoch, origin, reason }) => ({ epoch, origin, reason }))).toEqual(
      life.slice(1).map(({ epoch, reason }) => ({ epoch, origin: 'pulumi', reason: reason ?? null })),
    );
    expect((await stack.preview('--expect-no-changes')).exitCode).toBe(0);
  });
});

/** Stands for both platforms: takes connections, says nothing. */
function startPeer(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}
