/** Who may look, and that nobody can change anything. */
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { summarise } from '../core/war-room/board.ts';
import type { Whole } from '../core/war-room/feed.ts';
import type { Asset } from './bundle.ts';
import { DashboardServer } from './server.ts';

const NOTHING: Whole = {
  deployment: 'lab',
  stack: 'test',
  tiles: [],
  summary: summarise([]),
  samples: [],
  pauses: [],
  timeline: [],
  decisions: [],
  approvals: [],
  gate: null,
  sources: [],
  atMs: 0,
};

describe('the server', () => {
  const options = {
    assets: new Map<string, Asset>([['/', { type: 'text/html', body: Buffer.from('page') }]]),
    whole: () => NOTHING,
    detail: () => null,
    host: '127.0.0.1',
  };

  async function ask(token: string | null, path: string, init: RequestInit = {}): Promise<Response> {
    const server = new DashboardServer({ ...options, token });
    const port = await server.listen(0, '127.0.0.1');
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init });
      await answer.text();
      return answer;
    } finally {
      await server.close();
    }
  }

  it('serves with a strict policy, and changes nothing for anyone', async () => {
    const answer = await ask(null, '/');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(answer.headers.get('content-security-policy')).not.toContain('unsafe');
    expect((await ask(null, '/', { method: 'POST' })).status).toBe(405);
    expect((await ask(null, '/../package.json')).status).toBe(404);
  });

  it('an address that is none, and a name that cannot be decoded, are refused, and it goes on', async () => {
    const server = new DashboardServer({ ...options, token: null });
    const port = await server.listen(0, '127.0.0.1');
    const status = (path: string) =>
      new Promise<number | undefined>((done, fail) => {
        const asked = request({ host: '127.0.0.1', port, path }, (answer) => done(answer.resume().statusCode));
        asked.on('error', fail).end();
      });
    try {
      expect([await status('//'), await status('http://[')]).toEqual([400, 400]);
      expect([await status('/connections/%'), await status('/connections/%ff')]).toEqual([404, 404]);
      expect(await status('/')).toBe(200);
    } finally {
      await server.close();
    }
  });

  it('with a token, shows nothing without it, and keeps it out of the address', async () => {
    expect((await ask('secret', '/')).status).toBe(401);
    expect((await ask('secret', '/?token=wrong')).status).toBe(401);
    const opened = await ask('secret', '/?token=secret');
    expect(opened.status).toBe(303);
    const cookie = opened.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    expect(cookie).not.toContain('secret');
    expect((await ask('secret', '/', { headers: { cookie: cookie.split(';')[0] ?? '' } })).status).toBe(200);
  });
});
