/**
 * Acting from the war room: a person logs in with a credential of their own, looks, confirms as in a terminal, and the ledger
 * has their name. And everybody else who tries: another site's page, a request without the session's secret, a wrong token.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { chromiumPath, openPage, screenshot, seriousIn, startChromium } from '../adapters/chromium.example.ts';
import { Ledger } from '../adapters/ledger.ts';
import { CONNECTION, end, type ProofSite, startProofSite } from './proof-site.ts';
import { REPOSITORY } from './verbs-harness.ts';

const LIMIT_MS = 300_000;
let site: ProofSite;
let room: ChildProcess;
let url = '';
let token = '';
let browser: Browser | null = null;

async function startRoom(more: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const { folder } = site.project;
  const child = spawn(
    process.execPath,
    [join(REPOSITORY, 'dashboard/main.ts'), '--project', folder, '--port', '0', ...more],
    {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        PULUMI_HOME: join(folder, 'pulumi-home'),
        PULUMI_BACKEND_URL: `file://${join(folder, 'backend')}`,
        PULUMI_CONFIG_PASSPHRASE: '',
        ...site.env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [line] = await once(createInterface(child.stdout), 'line');
  return { child, url: z.object({ url: z.string() }).parse(JSON.parse(String(line))).url };
}

beforeAll(async () => {
  site = await startProofSite();
  token = site.env.CUTOVER_ADMIN_TOKEN ?? '';
  expect((await site.project.cutover(['sync', '--all', '--yes'])).exitCode).toBe(0);
  expect((await site.project.cutover(['parallel', '--all', '--yes'])).exitCode).toBe(0);
  ({ child: room, url } = await startRoom(['--actions']));
  const executable = chromiumPath();
  browser = executable === null ? null : await startChromium(executable);
});
afterAll(async () => {
  await browser?.close();
  if (room !== undefined) await end(room);
  await site?.stop();
});

type Sent = { readonly status: number; readonly body: Record<string, unknown>; readonly cookie: string };

async function send(
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
  method = 'POST',
): Promise<Sent> {
  const own = { origin: url.slice(0, -1), 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method, headers: { ...own, ...headers }, body: JSON.stringify(body) });
  const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const text = await answer.text();
  return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : { text }, cookie };
}

async function login(): Promise<Record<string, string>> {
  const { status, body, cookie } = await send('session', { token });
  expect(status).toBe(200);
  expect(body).toMatchObject({ name: 'local', gateways: [{ shard: 0, role: 'move', complaint: null }] });
  expect(JSON.stringify(body)).not.toContain(token);
  return { cookie, 'x-cutover-csrf': String(body.csrf) };
}

const rollback = {
  action: 'rollback',
  scope: { kind: 'connection', name: CONNECTION },
  reason: 'test',
  confirmed: 'yes',
};

async function phase(): Promise<string> {
  const status = await site.admin.connection(CONNECTION);
  if (!status.ok) throw new Error(status.error.message);
  return status.value.phase;
}

it('without --actions nothing can be changed and nobody can log in', async () => {
  const { child, url: other } = await startRoom([]);
  try {
    for (const path of ['session', 'actions']) {
      const answer = await fetch(`${other}${path}`, { method: 'POST', headers: { origin: other.slice(0, -1) } });
      expect(answer.status).toBe(405);
    }
    expect(await (await fetch(`${other}session`)).json()).toEqual({ isOffered: false, shards: [], who: null });
  } finally {
    await end(child);
  }
});

it('is for this machine only', async () => {
  const child = spawn(
    process.execPath,
    [join(REPOSITORY, 'dashboard/main.ts'), '--project', site.project.folder, '--host', '0.0.0.0', '--actions'],
    { env: { PATH: process.env.PATH, CUTOVER_DASHBOARD_TOKEN: 'x' }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = await once(child, 'close');
  expect([code, said]).toEqual([2, expect.stringContaining('--actions is for this machine only')]);
});

it("another site's page, a form, and a request without the session's secret change nothing", async () => {
  const session = await login();
  const tries: [object, Record<string, string>, number][] = [
    [rollback, {}, 401],
    [rollback, { cookie: session.cookie ?? '' }, 403],
    [rollback, { ...session, 'x-cutover-csrf': 'x'.repeat(43) }, 403],
    [rollback, { ...session, origin: 'http://evil.example' }, 403],
    [rollback, { ...session, 'content-type': 'text/plain' }, 403],
    [{ ...rollback, confirmed: 'y' }, session, 409],
    [{ ...rollback, reason: ' ' }, session, 400],
    [{ ...rollback, action: 'decommission' }, session, 400],
    [{ ...rollback, scope: { kind: 'all', name: 'x' } }, session, 400],
  ];
  for (const [body, headers, status] of tries)
    expect([headers, (await send('actions', body, headers)).status]).toEqual([headers, status]);
  expect(await phase()).toBe('parallel');
  expect((await send('session', {}, session, 'DELETE')).status).toBe(200);
  expect((await send('actions', rollback, session)).status).toBe(401);
});

it('a wrong token gets nowhere, and is not repeated', async () => {
  const { status, body } = await send('session', { token: 'wrong' });
  expect(status).toBe(401);
  expect(JSON.stringify(body)).not.toContain('wrong');
});

it(
  'look, confirm, switch; and the ledger has who it was',
  async () => {
    const session = await login();
    const ask = { action: 'switch', scope: { kind: 'wave', name: 'pilot' }, reason: 'from the room', confirmed: null };
    const looked = await send('actions', ask, session);
    expect(looked.body).toMatchObject({
      command: "cutover switch --wave pilot --reason 'from the room'",
      exitCode: 0,
      document: { dryRun: true, plan: { moves: [{ name: CONNECTION, to: { phase: 'switched' } }] } },
    });
    expect(await phase()).toBe('parallel');
    const moved = await send('actions', { ...ask, confirmed: 'yes' }, session);
    expect(moved.body).toMatchObject({ exitCode: 0, document: { changed: [{ name: CONNECTION }] } });
    expect(await phase()).toBe('switched');
    const held = await send(
      'actions',
      { action: 'hold', scope: { kind: 'connection', name: CONNECTION }, reason: 'look', confirmed: '', seconds: 2 },
      session,
    );
    expect(held.body).toMatchObject({ exitCode: 0, document: { done: [{ name: CONNECTION }] } });
    const ledger = await Ledger.open({ url: site.database.url, deployment: 'lab-proof-1' });
    try {
      const by = (await ledger.entries()).map(({ verb, kind, operator, reason }) => [verb, kind, operator, reason]);
      expect(by).toContainEqual(['switch', 'result', 'local', 'from the room']);
      expect(by).toContainEqual(['hold', 'decision', 'local', 'look']);
    } finally {
      await ledger.close();
    }
  },
  LIMIT_MS,
);

it(
  'a person does it in a browser: log in, look, reason, confirmation, rolled back',
  async () => {
    if (browser === null) return;
    const { page, complaints } = await openPage(browser);
    page.setDefaultTimeout(LIMIT_MS);
    await page.goto(url);
    await page.locator('.tile').first().click();
    await page.locator('input[name=token]').fill(token);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('button', { name: 'Roll back' }).click();
    await page.locator('.reason').fill('seen in the room');
    await page.getByRole('button', { name: 'Look what would happen' }).click();
    await page.getByText(`${CONNECTION}: switched → parallel`).waitFor();
    expect(await seriousIn(page)).toEqual([]);
    await screenshot(page, 'act');
    const run = page.locator('form button[type=submit]');
    expect(await run.isDisabled()).toBe(true);
    await page.locator('.confirm').fill('yes');
    await run.click();
    await page.getByText(': done').waitFor();
    expect(await phase()).toBe('parallel');
    expect(complaints).toEqual([]);
    await page.close();
  },
  LIMIT_MS,
);
