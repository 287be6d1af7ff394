/** given an admin API that asks for client certificates, when someone calls without one, then only health is told. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayClient } from '../../adapters/gateway-admin.ts';
import { digestOfToken } from './credentials.ts';
import { fakeHost } from './fake-host.ts';
import { type AdminServer, startAdminServer } from './server.ts';

const TOKEN = 'a-token-of-the-operator';

describe('an admin API with client certificates', () => {
  let folder: string;
  let server: AdminServer;
  const fileOf = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cutover-mtls-'));
    const own = await certificate('localhost');
    const operator = await certificate('operator');
    const stranger = await certificate('stranger');
    await writeFile(fileOf('own.crt'), own.cert);
    for (const [name, pair] of Object.entries({ operator, stranger })) {
      await writeFile(fileOf(`${name}.crt`), pair.cert);
      await writeFile(fileOf(`${name}.key`), pair.private);
    }
    server = await startAdminServer({
      host: fakeHost(),
      credentials: [{ name: 'operator', role: 'move', sha256: digestOfToken(TOKEN) }],
      tls: { certificate: own.cert, key: own.private, clientAuthorities: operator.cert },
      port: 0,
      logger: pino({ level: 'silent' }),
    });
  });
  afterAll(async () => {
    await server.close(1000);
    await rm(folder, { recursive: true });
  });

  const asking = async (env: Record<string, string>) => {
    const all = { CUTOVER_ADMIN_TOKEN: TOKEN, CUTOVER_ADMIN_CA: fileOf('own.crt'), ...env };
    const client = new GatewayClient({ shard: 0, admin: `https://127.0.0.1:${server.port}`, env: all });
    try {
      return await client.connections();
    } finally {
      await client.close();
    }
  };
  const showing = (name: string): Record<string, string> => ({
    CUTOVER_ADMIN_CERT: fileOf(`${name}.crt`),
    CUTOVER_ADMIN_KEY: fileOf(`${name}.key`),
  });

  it('answers the holder of one, with the token', async () => {
    expect(await asking(showing('operator'))).toMatchObject({ ok: true });
    expect(await asking({ ...showing('operator'), CUTOVER_ADMIN_TOKEN: 'another' })).toMatchObject({
      error: { code: 'unauthenticated' },
    });
  });

  it('answers nobody without one, or with one of others, whatever the token', async () => {
    expect(await asking({})).toMatchObject({ ok: false, error: { code: 'no-client-certificate' } });
    expect(await asking(showing('stranger'))).toMatchObject({ ok: false, error: { code: 'no-client-certificate' } });
  });

  it('tells its health to load balancers and kubelets, which have none', async () => {
    const own = new GatewayClient({ shard: 0, admin: `https://127.0.0.1:${server.port}`, env: {} });
    await own.close();
    const { Agent, request } = await import('undici');
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const { statusCode, body } = await request(`https://127.0.0.1:${server.port}${path}`, { dispatcher });
      expect(statusCode).toBe(200);
      await body.dump();
    }
    await dispatcher.close();
  });

  it('says what is missing where only half of a pair is set', async () => {
    expect(await asking({ CUTOVER_ADMIN_CERT: fileOf('operator.crt') })).toMatchObject({
      error: { code: 'credential-missing', message: expect.stringContaining('CUTOVER_ADMIN_KEY') },
    });
  });
});

async function certificate(name: string): Promise<{ cert: string; private: string }> {
  return generate([{ name: 'commonName', value: name }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
}
