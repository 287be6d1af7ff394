/** Real receivers: a webhook's server and a mail server, as they take it, refuse it, or never answer. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Notice } from '../core/notice/notice.ts';
import type { Receiver } from '../core/notice/receivers.ts';
import { readReceivers, tellAll } from './notify.ts';

const NOTICE: Notice = {
  events: ['red'],
  level: 'bad',
  title: 'switch: 2 connections are switched, 1 aborted <!channel>',
  facts: [
    ['stack', 'lab, production'],
    ['aborted, as they were', 'harbor_orders, *north*'],
  ],
};
const ALL: Receiver['events'] = ['phase', 'red', 'finish'];

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Got = { readonly type: string; readonly body: string };

async function webhook(status: number | null): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      got.push({ type: request.headers['content-type'] ?? '', body });
      if (status !== null)
        response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end('secret');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return { url: `http://127.0.0.1:${portOf(server)}/services/T0/B0/secret`, got };
}

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('webhooks', () => {
  it('Slack gets blocks in which a name calls nobody and formats nothing', async () => {
    const { url, got } = await webhook(200);
    const told = await tellAll([{ kind: 'slack', name: 'bridge', events: ALL, url: 'HOOK' }], NOTICE, { HOOK: url });
    expect(told).toEqual([{ receiver: 'bridge', ok: true, message: 'told' }]);
    const { text, blocks } = JSON.parse(got[0]?.body ?? '');
    expect(got[0]?.type).toBe('application/json');
    expect(text).toBe('✖ switch: 2 connections are switched, 1 aborted &lt;!channel&gt;');
    expect(blocks.map((block: { text: { text: string } }) => block.text.text)).toEqual([
      `*${text}*`,
      '*stack:* lab, production\n*aborted, as they were:* harbor_orders, ∗north∗',
    ]);
  });

  it('Teams gets an Adaptive Card', async () => {
    const { url, got } = await webhook(202);
    const told = await tellAll([{ kind: 'teams', name: 'bridge', events: ALL, url: 'HOOK' }], NOTICE, { HOOK: url });
    expect(told[0]?.ok).toBe(true);
    const { type, attachments } = JSON.parse(got[0]?.body ?? '');
    expect(type).toBe('message');
    expect(attachments[0].contentType).toBe('application/vnd.microsoft.card.adaptive');
    expect(attachments[0].content).toMatchObject({ type: 'AdaptiveCard', version: '1.4' });
    expect(attachments[0].content.body[0].text).toBe('✖ switch: 2 connections are switched, 1 aborted \\<!channel\\>');
    expect(attachments[0].content.body[1].facts[1].value).toBe('harbor\\_orders, \\*north\\*');
  });

  it.each<[string, number | null, string]>([
    ['refuses', 500, 'it answered 500'],
    ['sends elsewhere', 302, 'it failed (TypeError)'],
    ['never answers', null, 'no answer within 0.3 s'],
  ])('a receiver that %s is said, without its address or its answer', async (_what, status, message) => {
    const { url } = await webhook(status);
    const receivers: Receiver[] = [{ kind: 'slack', name: 'bridge', events: ALL, url: 'HOOK' }];
    const told = await tellAll(receivers, NOTICE, { HOOK: url }, 300);
    expect(told).toEqual([{ receiver: 'bridge', ok: false, message }]);
  });

  it('without its variable, without https, or away: said, and never thrown', async () => {
    const receivers: Receiver[] = [
      { kind: 'slack', name: 'unset', events: ALL, url: 'UNSET' },
      { kind: 'teams', name: 'plain', events: ALL, url: 'PLAIN' },
      { kind: 'teams', name: 'odd', events: ALL, url: 'ODD' },
      { kind: 'slack', name: 'away', events: ALL, url: 'AWAY' },
    ];
    const env = { PLAIN: 'http://hooks.example/x', ODD: 'hooks', AWAY: 'http://127.0.0.1:1/x' };
    expect((await tellAll(receivers, NOTICE, env)).map(({ message }) => message)).toEqual([
      'UNSET is not set',
      'PLAIN is no https URL: whoever listens could write to the channel',
      'ODD holds no URL',
      expect.stringContaining('it failed'),
    ]);
  });

  it('tells only who asked for it', async () => {
    const { url, got } = await webhook(200);
    const told = await tellAll([{ kind: 'slack', name: 'a', events: ['finish'], url: 'HOOK' }], NOTICE, { HOOK: url });
    expect([told, got]).toEqual([[], []]);
  });
});

describe('e-mail', () => {
  type Letter = {
    readonly to: readonly string[];
    readonly text: string;
    readonly user: string;
    readonly isSecure: boolean;
  };

  async function mailServer(secured: boolean): Promise<{ port: number; letters: Letter[] }> {
    const letters: Letter[] = [];
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
      algorithm: 'sha256',
    });
    const server = new SMTPServer({
      key,
      cert,
      authOptional: !secured,
      disabledCommands: secured ? [] : ['AUTH', 'STARTTLS'],
      onAuth: (auth, _session, done) =>
        auth.password === 'right' ? done(null, { user: auth.username ?? '' }) : done(new Error('535 no')),
      onData: (stream, session, done) => {
        let text = '';
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8');
        });
        stream.on('end', () => {
          const to = session.envelope.rcptTo.map(({ address }) => address);
          letters.push({ to, text, user: String(session.user ?? ''), isSecure: session.secure });
          done();
        });
      },
    });
    // What a client that goes away does to it is not this test's matter.
    server.on('error', () => undefined);
    const listening = server.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    closing.push(() => new Promise((done) => server.close(done)));
    return { port: portOf(listening), letters };
  }

  const post = { kind: 'email', name: 'people', events: ALL, host: '127.0.0.1', from: 'cutover@lab.example' } as const;

  it('a mail server of this machine gets one letter for all', async () => {
    const { port, letters } = await mailServer(false);
    const to = ['ada@lab.example', 'grace@lab.example'];
    const told = await tellAll([{ ...post, port, tls: 'none', to }], NOTICE, {});
    expect(told).toEqual([{ receiver: 'people', ok: true, message: 'told' }]);
    expect(letters[0]?.to).toEqual(to);
    expect(letters[0]?.text).toContain('stack:                 lab, production');
    expect(letters[0]?.text).toMatch(/^Subject: /m);
  });

  it('a password is sent over TLS only, and a certificate that nobody signed is refused', async () => {
    const { port, letters } = await mailServer(true);
    const to = ['ada@lab.example'];
    const secured: Receiver = { ...post, port, tls: 'starttls', to, user: 'MAIL_USER', password: 'MAIL_PASSWORD' };
    const env = { MAIL_USER: 'cutover', MAIL_PASSWORD: 'right' };
    const [told] = await tellAll([secured], NOTICE, env);
    expect(told).toMatchObject({ ok: false, message: expect.stringContaining('ESOCKET') });
    expect(letters).toEqual([]);
    const [without] = await tellAll([secured], NOTICE, { MAIL_USER: 'cutover' });
    expect(without?.message).toBe('MAIL_PASSWORD is not set');
    const [plain] = await tellAll([{ ...secured, host: 'mail.example', tls: 'none' }], NOTICE, env);
    expect(plain?.message).toContain('for this machine only');
  });

  it('a server that greets nobody is given up at the limit, and its socket is gone', async () => {
    const silent = createTcpServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const taken = once(silent, 'connection');
    closing.push(() => new Promise((done) => silent.close(() => done())));
    const to = ['ada@lab.example'];
    const telling = tellAll([{ ...post, port: portOf(silent), tls: 'none', to }], NOTICE, {}, 300);
    const [socket] = await taken;
    socket.resume();
    expect((await telling)[0]?.message).toBe('no answer within 0.3 s');
    await once(socket, 'close');
  });
});

describe('notify.yaml', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cutover-notify-'));
    closing.push(() => rm(folder, { recursive: true, force: true }));
  });

  it('without it nobody is told', async () => {
    expect(await readReceivers(folder)).toEqual({ ok: true, value: [] });
  });

  it('a secret in it is refused with its line, and is not repeated', async () => {
    const secret = 'https://hooks.slack.com/services/T0/B0/XXXX';
    await writeFile(join(folder, 'notify.yaml'), `receivers:\n  - { name: bridge, kind: slack, url: "${secret}" }\n`);
    const read = await readReceivers(folder);
    expect(read.ok).toBe(false);
    if (read.ok) return;
    expect(read.message).toContain('notify.yaml:2: receivers[0].url: write the name of an environment variable');
    expect(read.message).not.toContain(secret);
  });
});
