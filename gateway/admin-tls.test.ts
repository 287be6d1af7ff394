/** The admin API's own certificate, renewed while it serves: the next connection sees it, and a wrong file changes nothing. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fakeHost } from './admin/fake-host.ts';
import { type AdminServer, startAdminServer } from './admin/server.ts';
import { AdminTlsFolder } from './admin-tls.ts';
import { issue, newAuthority, type Pem, PemFolder } from './tls-harness.ts';
import { keepTlsFresh, type TlsRenewal } from './tls-renewal.ts';

let folder: PemFolder;
let files: AdminTlsFolder;
let server: AdminServer;
let renewal: TlsRenewal;
let authority: Pem;
let clients: Pem;
const logs: string[] = [];

beforeAll(async () => {
  folder = await PemFolder.create();
  [authority, clients] = [await newAuthority('admin'), await newAuthority('clients')];
  await folder.put('tls', await issue(authority, 'first'));
  await folder.write('ca.crt', clients.cert);
  files = await AdminTlsFolder.read(folder.path);
  server = await startAdminServer({
    host: fakeHost(),
    credentials: [],
    tls: files.present,
    port: 0,
    logger: pino({ level: 'silent' }),
  });
  const logger = pino({}, { write: (line) => void logs.push(line) });
  renewal = keepTlsFresh(files, { renewTls: () => server.renew({ tls: files.present }) }, logger);
});
afterAll(async () => {
  renewal.stop();
  await server.close(1000);
  await folder.remove();
});

type Seen = { readonly shown: unknown; readonly status: string };

/** Whom the server shows, and how it answers somebody with that certificate (and no token). */
function ask(own: Pem | null): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const client = own === null ? {} : { cert: own.cert, key: own.key };
    const socket = connect({ port: server.port, host: '127.0.0.1', ca: authority.cert, ...client }, () => {
      const shown = socket.getPeerCertificate().subject.CN;
      socket.write('GET /v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.on('end', () => resolve({ shown, status: /"code":"([a-z-]+)"/.exec(answer)?.[1] ?? answer }));
    });
    socket.on('error', reject);
  });
}

test('a renewed pair is shown to the next connection, and authorities of clients change with it', async () => {
  const operator = await issue(clients, 'operator');
  expect(await ask(operator)).toEqual({ shown: 'first', status: 'unauthenticated' });
  const others = await newAuthority('clients-2');
  await folder.put('tls', await issue(authority, 'second'));
  await folder.write('ca.crt', others.cert);
  await renewal.refresh();
  expect(logs.at(-1)).toContain('"endpoints":["admin API"]');
  expect(await ask(await issue(others, 'operator'))).toEqual({ shown: 'second', status: 'unauthenticated' });
  expect(await ask(operator)).toMatchObject({ status: 'no-client-certificate' });
  await folder.write('ca.crt', clients.cert);
  await renewal.refresh();
});

test('what cannot be used is said by its file, once, and the former pair stays', async () => {
  await folder.write('tls.key', (await issue(authority, 'third')).key);
  const said = logs.length;
  await renewal.refresh();
  await renewal.refresh();
  expect(logs.slice(said)).toEqual([expect.stringContaining(`${join(folder.path, 'tls.key')} is not the key of`)]);
  expect(await ask(null)).toEqual({ shown: 'second', status: 'no-client-certificate' });
  await expect(AdminTlsFolder.read(folder.path)).rejects.toThrow('is not the key of');
  await folder.put('tls', await issue(authority, 'third'));
  await folder.write('ca.crt', 'no certificate');
  await renewal.refresh();
  expect(logs.at(-1)).toContain('ca.crt holds no certificate');
  expect(await ask(null)).toEqual({ shown: 'second', status: 'no-client-certificate' });
});

test('authorities of clients that are gone for a moment admit nobody without a certificate', async () => {
  await rm(join(folder.path, 'ca.crt'));
  await renewal.refresh();
  expect(logs.at(-1)).toMatch(/ca\.crt is gone.*put it back/);
  expect(await ask(null)).toEqual({ shown: 'second', status: 'no-client-certificate' });
  await folder.write('ca.crt', clients.cert);
  await renewal.refresh();
  expect(await ask(null)).toEqual({ shown: 'third', status: 'no-client-certificate' });
});
