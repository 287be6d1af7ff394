/**
 * The war room before two gateways: an operator's token is another one at each, as the gateways are born. The login takes
 * both, or one, and then acts at that gateway alone; a token goes to no gateway but its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { chromiumPath, openPage, screenshot, seriousIn, startChromium } from '../adapters/chromium.example.ts';
import { type Estate, startEstate } from './verbs-estate.ts';
import { REPOSITORY } from './verbs-harness.ts';

const LIMIT_MS = 300_000;
let estate: Estate;
let room: ChildProcess;
let url = '';
let browser: Browser | null = null;
let tokens: readonly [string, string] = ['', ''];

beforeAll(async () => {
  estate = await startEstate(2, { shards: 2, change: () => ({ wave: 'pilot' }) });
  tokens = [estate.env.CUTOVER_ADMIN_TOKEN_0 ?? '', estate.env.CUTOVER_ADMIN_TOKEN_1 ?? ''];
  for (const verb of ['sync', 'parallel'])
    expect((await estate.project.cutover([verb, '--all', '--yes'])).exitCode).toBe(0);
  const { folder } = estate.project;
  room = spawn(
    process.execPath,
    [join(REPOSITORY, 'dashboard/main.ts'), '--project', folder, '--port', '0', '--actions'],
    {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        PULUMI_HOME: join(folder, 'pulumi-home'),
        PULUMI_BACKEND_URL: `file://${join(folder, 'backend')}`,
        PULUMI_CONFIG_PASSPHRASE: '',
        ...estate.env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  if (room.stdout === null) throw new Error('the dashboard has a stdout');
  const [line] = await once(createInterface(room.stdout), 'line');
  url = z.object({ url: z.string() }).parse(JSON.parse(String(line))).url;
  const executable = chromiumPath();
  browser = executable === null ? null : await startChromium(executable);
}, LIMIT_MS);
afterAll(async () => {
  await browser?.close();
  if (room !== undefined && room.exitCode === null) {
    room.kill('SIGTERM');
    await once(room, 'exit');
  }
  await estate?.stop();
});

type Sent = {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, string>;
};

async function send(path: string, body: object, headers: Record<string, string> = {}): Promise<Sent> {
  const own = { origin: url.slice(0, -1), 'content-type': 'application/json', ...headers };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers: own, body: JSON.stringify(body) });
  const said = z.record(z.string(), z.unknown()).parse(await answer.json());
  const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  return { status: answer.status, body: said, headers: { cookie, 'x-cutover-csrf': String(said.csrf) } };
}

const look = (scope: object): object => ({ action: 'switch', scope, reason: 'look', confirmed: null });
const [FIRST, SECOND] = ['practice-001-orders', 'practice-002-orders'];

it(
  'a token that one gateway knows acts at that gateway alone',
  async () => {
    const login = await send('session', { token: tokens[0] });
    expect(login.body).toMatchObject({
      name: 'local',
      gateways: [
        { shard: 0, role: 'move', complaint: null },
        { shard: 1, role: null, complaint: 'it does not know this token' },
      ],
    });
    expect(JSON.stringify(login.body)).not.toContain(tokens[0]);
    const mine = await send('actions', look({ kind: 'connection', name: FIRST }), login.headers);
    expect(mine.body).toMatchObject({ exitCode: 0, document: { plan: { moves: [{ name: FIRST }] } } });
    for (const scope of [
      { kind: 'connection', name: SECOND },
      { kind: 'wave', name: 'pilot' },
    ]) {
      const refused = await send('actions', look(scope), login.headers);
      expect(refused.status).toBe(403);
      expect(refused.body.error).toContain('your login does not reach gateway 1');
    }
    // A list of names hides nothing.
    const hidden = await send('actions', look({ kind: 'connection', name: `${FIRST},${SECOND}` }), login.headers);
    expect([hidden.status, hidden.body.error]).toEqual([403, expect.stringContaining('there is no connection')]);
  },
  LIMIT_MS,
);

it('tokens at the wrong gateways, and none at all, get nowhere', async () => {
  const crossed = await send('session', { tokens: { 0: tokens[1], 1: tokens[0] } });
  expect(crossed.status).toBe(401);
  expect(crossed.body.error).toContain('gateway 0, 1: it does not know this token');
  expect((await send('session', { tokens: {} })).status).toBe(400);
  expect((await send('session', {})).status).toBe(400);
});

it(
  'a person gives both tokens in a browser, and switches a wave that spans both gateways',
  async () => {
    if (browser === null) return;
    const { page, complaints } = await openPage(browser);
    page.setDefaultTimeout(LIMIT_MS);
    await page.goto(url);
    await page.locator('.tile').first().click();
    await page.getByText('A gateway has a token of its own').click();
    await page.getByLabel('Gateway 0').fill(tokens[0]);
    await page.getByLabel('Gateway 1').fill(tokens[1]);
    expect(await seriousIn(page)).toEqual([]);
    await screenshot(page, 'login-two');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('button', { name: 'Switch to new' }).click();
    await page.getByLabel('all of wave pilot').check();
    await page.locator('.reason').fill('both at once');
    await page.getByRole('button', { name: 'Look what would happen' }).click();
    for (const name of [FIRST, SECOND]) await page.getByText(`${name}: parallel → switched`).waitFor();
    await page.locator('.confirm').fill('yes');
    await page.locator('form button[type=submit]').click();
    await page.getByText(': done').waitFor();
    const routes = await estate.routes();
    expect([...routes.values()].map(({ phase }) => phase)).toEqual(['switched', 'switched']);
    expect(complaints).toEqual([]);
    await page.close();
  },
  LIMIT_MS,
);

it(
  'a gateway that is down keeps nobody from acting at the other one',
  async () => {
    await estate.killGateway(1);
    try {
      const login = await send('session', { tokens: { 0: tokens[0], 1: tokens[1] } });
      expect(login.body.gateways).toMatchObject([
        { role: 'move' },
        { role: null, complaint: expect.stringContaining('reach') },
      ]);
      const back = {
        action: 'rollback',
        scope: { kind: 'connection', name: FIRST },
        reason: 'one is down',
        confirmed: 'yes',
      };
      expect((await send('actions', back, login.headers)).body).toMatchObject({
        exitCode: 0,
        document: { changed: [{ name: FIRST }] },
      });
    } finally {
      await estate.restartGateway(1);
    }
  },
  LIMIT_MS,
);
