import { connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from './gateway-admin.fake.ts';
import { GatewayClient } from './gateway-admin.ts';

const NAME = 'northside-orders';
const TO_PARALLEL = { requestId: 'request-1', phase: 'parallel', expectedEpoch: 1 } as const;

/** On a free port; the address of an admin API there. */
async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return `https://127.0.0.1:${address.port}`;
}

describe('the client of a gateway', () => {
  let gateway: FakeGateway;
  const clients: GatewayClient[] = [];
  const clientWith = (env: Record<string, string | undefined>, shard = 0): GatewayClient => {
    const client = new GatewayClient({ admin: gateway.admin, shard, env });
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    gateway = await startFakeGateway({ connections: [NAME] });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await gateway.stop();
  });

  it('reads identity, connections, epochs, lists and the lease', async () => {
    const client = clientWith(gateway.env);
    expect(await client.info()).toEqual({ ok: true, value: gateway.info });
    expect(await client.connections()).toMatchObject({ ok: true, value: [{ name: NAME, phase: 'legacy', epoch: 1 }] });
    expect(await client.connection(NAME)).toMatchObject({ ok: true, value: { control: 'legacy' } });
    expect(await client.epochs(NAME)).toEqual({ ok: true, value: [] });
    expect(await client.list(NAME, 'maybeSent')).toEqual({ ok: true, value: { entries: [], total: 0 } });
    expect(await client.lease.get()).toEqual({ ok: true, value: null });
    const lease = { holder: 'one', host: 'h', operator: 'o', verb: 'switch' };
    expect(await client.lease.acquire(lease)).toMatchObject({ ok: true, value: { holder: 'one' } });
    expect(await client.lease.acquire({ ...lease, holder: 'two' })).toMatchObject({ error: { code: 'lease-held' } });
    expect(await client.lease.release('one')).toEqual({ ok: true, value: null });
  });

  it('makes a move, and says a refusal as the gateway said it', async () => {
    const client = clientWith(gateway.env);
    expect(await client.move(NAME, TO_PARALLEL)).toMatchObject({ ok: true, value: { epoch: 2, phase: 'parallel' } });
    const again = await client.move(NAME, { requestId: 'request-2', phase: 'legacy', expectedEpoch: 1 });
    expect(again).toMatchObject({ ok: false, kind: 'refused', status: 409, error: { code: 'stale-epoch' } });
  });

  it('takes a lost connection up again with the same request id, and moves once', async () => {
    gateway.loseNextAnswer();
    const result = await clientWith(gateway.env).move(NAME, TO_PARALLEL, { timeoutMs: 30_000 });
    expect(result).toMatchObject({ ok: true, value: { epoch: 2 } });
    expect(gateway.moves).toHaveLength(2);
    expect(gateway.moves[1]).toEqual(gateway.moves[0]);
    expect(gateway.route(NAME).epoch).toBe(2);
  });

  it('asks a gateway again that has accepted no connection in time, and gives up one that never does', async () => {
    const silent: Socket[] = [];
    let silences = 1;
    const busy = createServer((socket) => {
      socket.on('error', () => {});
      silent.push(socket);
      if (silent.length <= silences) return;
      const through = connect(Number(new URL(gateway.admin).port), '127.0.0.1').on('error', () => {});
      socket.pipe(through).pipe(socket);
    });
    const admin = await listening(busy);
    try {
      const behind = (): GatewayClient => {
        const client = new GatewayClient({ admin, shard: 0, env: gateway.env });
        clients.push(client);
        return client;
      };
      expect(await behind().move(NAME, TO_PARALLEL)).toMatchObject({ ok: true, value: { epoch: 2 } });
      const before = silent.length;
      expect(before).toBeGreaterThan(1);
      silences = 100;
      const back = { requestId: 'request-2', phase: 'legacy', expectedEpoch: 2 } as const;
      expect(await behind().move(NAME, back)).toMatchObject({ kind: 'unreachable', error: { code: 'unreachable' } });
      expect(silent).toHaveLength(before + 3);
      expect(gateway.moves).toHaveLength(1);
    } finally {
      for (const socket of silent) socket.destroy();
      busy.close();
    }
  }, 60_000);

  it('finds the connections of prepared moves open', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `${NAME}-${index}`);
    for (const name of names) gateway.setRoute(name, gateway.route(NAME));
    const client = clientWith(gateway.env);
    await client.prepareMoves(names.length);
    expect(gateway.handshakes()).toBe(names.length);
    const all = await Promise.all(names.map((name) => client.move(name, { ...TO_PARALLEL, requestId: `to-${name}` })));
    expect(all.filter(({ ok }) => !ok)).toEqual([]);
    expect(gateway.handshakes()).toBe(names.length);
  });

  it('opens hundreds of connections few at a time', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
    const client = new GatewayClient({ admin: await listening(silent), shard: 0, env: gateway.env });
    clients.push(client);
    const prepared = client.prepareMoves(200);
    await expect.poll(() => sockets.length).toBeGreaterThanOrEqual(8);
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(sockets).toHaveLength(8);
    silent.close();
    for (const socket of sockets) socket.destroy();
    await prepared;
  });

  it('says that the outcome is unknown where the answer never came', async () => {
    gateway.loseNextAnswer();
    const result = await clientWith(gateway.env).move(NAME, TO_PARALLEL, { timeoutMs: 150 });
    expect(result).toMatchObject({
      ok: false,
      kind: 'unreachable',
      error: { code: 'outcome-unknown', connection: NAME },
    });
  });

  it('is unreachable at once where nobody listens, also for a move', async () => {
    const client = clientWith(gateway.env);
    await gateway.disconnect();
    expect(await client.info()).toMatchObject({ ok: false, kind: 'unreachable', error: { code: 'unreachable' } });
    expect(await client.move(NAME, TO_PARALLEL)).toMatchObject({ kind: 'unreachable', error: { code: 'unreachable' } });
  });

  it('names the variable of a missing credential, and never the credential', async () => {
    const missing = await clientWith({ ...gateway.env, CUTOVER_ADMIN_TOKEN: undefined }).info();
    expect(missing).toMatchObject({ ok: false, kind: 'refused', error: { code: 'credential-missing' } });
    expect(JSON.stringify(missing)).toContain('CUTOVER_ADMIN_TOKEN');
    const wrong = await clientWith({ ...gateway.env, CUTOVER_ADMIN_TOKEN: 'wrong-secret' }).info();
    expect(wrong).toMatchObject({ ok: false, kind: 'refused', status: 401, error: { code: 'unauthenticated' } });
    const broken = await clientWith({ ...gateway.env, CUTOVER_ADMIN_TOKEN: 'broken\nsecret' }).info();
    expect(broken).toMatchObject({ ok: false, kind: 'refused', error: { code: 'credential-missing' } });
    expect(JSON.stringify([wrong, broken])).not.toContain('secret');
  });

  it('prefers the credentials of the shard', async () => {
    const env = { CUTOVER_ADMIN_TOKEN: 'other', CUTOVER_ADMIN_CA: '/nowhere/admin.crt' };
    const own = { CUTOVER_ADMIN_TOKEN_3: gateway.token, CUTOVER_ADMIN_CA_3: gateway.certificatePath };
    expect(await clientWith({ ...env, ...own }, 3).info()).toMatchObject({ ok: true });
    const unreadable = await clientWith({ ...env, ...own }, 4).info();
    expect(unreadable).toMatchObject({ kind: 'refused', error: { code: 'credential-missing' } });
    expect(JSON.stringify(unreadable)).toContain('CUTOVER_ADMIN_CA');
  });

  it('does not trust a certificate that it was not told to trust', async () => {
    const result = await clientWith({ ...gateway.env, CUTOVER_ADMIN_CA: undefined }).info();
    expect(result).toMatchObject({ ok: false, kind: 'unreachable', error: { code: 'unreachable' } });
    expect(JSON.stringify(result)).toContain('set CUTOVER_ADMIN_CA');
  });

  it('takes no answer of another shape for a gateway', async () => {
    const client = clientWith(gateway.env);
    gateway.answerNextWith(200, '{"hello":"world"}');
    expect(await client.info()).toMatchObject({ ok: false, kind: 'refused', error: { code: 'invalid-answer' } });
    gateway.answerNextWith(502, '<html>');
    expect(await client.info()).toMatchObject({ ok: false, status: 502, error: { code: 'invalid-answer' } });
  });
});
