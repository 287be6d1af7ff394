/**
 * `cutover dashboard` before real gateways: it follows real moves of 250 connections, in its feed and in a real browser,
 * names what it cannot read, and prints where it is.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { chromiumPath, startChromium } from '../adapters/chromium.example.ts';
import { type Estate, startEstate } from './verbs-estate.ts';
import { REPOSITORY } from './verbs-harness.ts';

const COUNT = 250;
/** What a loaded machine may take, and what nobody would call at once. */
const PAINT_LIMIT_MS = 5_000;
const NEWS_LIMIT_MS = 15_000;

const tileSchema = z.object({
  name: z.string(),
  phase: z.string().nullable(),
  verdict: z.string(),
  reasons: z.array(z.string()),
});
const wholeSchema = z.object({
  tiles: z.array(tileSchema),
  summary: z.object({ verdict: z.string(), headline: z.string() }),
  timeline: z.array(z.object({ connection: z.string(), epoch: z.number() })),
  sources: z.array(z.object({ name: z.string(), verdict: z.string() })),
});
type Whole = z.output<typeof wholeSchema>;
const patchSchema = wholeSchema.partial();

/** A page's own feed: everything once, then what has changed. It waits for events, and for nothing else. */
class Feed {
  readonly #events: AsyncGenerator<Whole>;
  readonly #abort = new AbortController();
  #now: Whole | null = null;

  constructor(url: string) {
    this.#events = this.#read(url);
  }

  async until(isSo: (whole: Whole) => boolean): Promise<Whole> {
    while (this.#now === null || !isSo(this.#now)) {
      const { value, done } = await this.#events.next();
      if (done === true) throw new Error('the feed ended');
      this.#now = value;
    }
    return this.#now;
  }

  close(): void {
    this.#abort.abort();
  }

  async *#read(url: string): AsyncGenerator<Whole> {
    const answer = await fetch(`${url}events`, { signal: this.#abort.signal });
    let now: Whole | null = null;
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const [, event, data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(part) ?? [];
        if (event === 'whole') now = wholeSchema.parse(JSON.parse(data));
        else if (event === 'patch' && now !== null) now = patched(now, patchSchema.parse(JSON.parse(data)));
        else continue;
        yield now;
      }
    }
  }
}

function patched(before: Whole, { tiles = [], summary, timeline = [], sources }: z.output<typeof patchSchema>): Whole {
  const fresh = new Map(tiles.map((tile) => [tile.name, tile]));
  return {
    tiles: before.tiles.map((tile) => fresh.get(tile.name) ?? tile),
    summary: summary ?? before.summary,
    timeline: [...before.timeline, ...timeline],
    sources: sources ?? before.sources,
  };
}

let estate: Estate;
let room: ChildProcess;
let url = '';
let browser: Browser | null = null;
let page: Page | null = null;
let feed: Feed;

beforeAll(async () => {
  estate = await startEstate(COUNT);
  room = spawn(
    process.execPath,
    [join(REPOSITORY, 'dashboard/main.ts'), '--project', estate.project.folder, '--port', '0'],
    { env: { ...process.env, ...estate.env, DATABASE_URL: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (room.stdout === null) throw new Error('no stdout');
  const [line] = await once(createInterface(room.stdout), 'line');
  ({ url } = z.object({ ready: z.literal(true), url: z.string() }).parse(JSON.parse(String(line))));
  feed = new Feed(url);
  const executable = chromiumPath();
  browser = executable === null ? null : await startChromium(executable);
  page = (await browser?.newPage({ viewport: { width: 1440, height: 900 } })) ?? null;
});
afterAll(async () => {
  feed?.close();
  await browser?.close();
  await estate?.stop();
});

/** As many at once as a loaded machine can shake hands with. */
const AT_ONCE = 25;

async function moveAll(phase: 'parallel' | 'switched', expectedEpoch: number): Promise<void> {
  for (let first = 0; first < COUNT; first += AT_ONCE) {
    const moves = estate.names
      .slice(first, first + AT_ONCE)
      .map((name) => estate.admin.move(name, { requestId: `${phase} ${name}`, phase, expectedEpoch, reason: 'test' }));
    for (const moved of await Promise.all(moves)) expect(moved.ok ? null : moved.error.message).toBeNull();
  }
}

/** How long after this moment the page shows every connection so; null: there is no browser here. */
async function shown(mark: string): Promise<number | null> {
  if (page === null) return null;
  const startedMs = performance.now();
  const marks = page.locator('.tile .phase').getByText(mark, { exact: true });
  await vi.waitFor(async () => expect(await marks.count()).toBe(COUNT), { interval: 50, timeout: 120_000 });
  return performance.now() - startedMs;
}

it('paints at once, and says that all is fine', async () => {
  const first = await feed.until(({ summary }) => summary.verdict === 'fine');
  expect(first.summary.headline).toBe(`All ${COUNT} connections are fine`);
  expect(first.sources.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['gateway 0', 'fine'],
    ['PostgreSQL', 'absent'],
  ]);
  if (page === null) return;
  await page.goto(url);
  const tiles = page.locator('.tile');
  await vi.waitFor(async () => expect(await tiles.count()).toBe(COUNT), { interval: 50, timeout: 120_000 });
  const paintMs = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  process.stdout.write(`first paint after ${paintMs?.toFixed(0)} ms\n`);
  expect(paintMs).toBeGreaterThan(0);
  expect(paintMs).toBeLessThan(PAINT_LIMIT_MS);
  expect(await page.innerText('h1')).toContain(`All ${COUNT} connections are fine`);
});

it('follows 250 real connections through parallel and switch', async () => {
  await moveAll('parallel', 1);
  const parallelMs = await shown('L∥N');
  await feed.until(({ tiles }) => tiles.every(({ phase }) => phase === 'parallel'));
  await moveAll('switched', 2);
  const switchedMs = await shown('N');
  const switched = await feed.until(
    ({ tiles, timeline }) => tiles.every(({ phase }) => phase === 'switched') && timeline.length === 2 * COUNT,
  );
  process.stdout.write(`shown after ${parallelMs?.toFixed(0)} and ${switchedMs?.toFixed(0)} ms\n`);
  for (const waited of [parallelMs, switchedMs]) if (waited !== null) expect(waited).toBeLessThan(NEWS_LIMIT_MS);
  // Nothing was sent: no message has proven the new epoch, so nobody says that it is fine.
  expect(switched.tiles.every(({ verdict }) => verdict !== 'fine')).toBe(true);
});

it('says when the gateway is gone, and ends when it is told to', async () => {
  process.kill(estate.gatewayPid(), 'SIGKILL');
  const gone = await feed.until(({ summary }) => summary.verdict === 'unknown');
  expect(gone.sources[0]?.verdict).toBe('bad');
  await page?.waitForSelector('.banner.unknown');
  room.kill('SIGTERM');
  const [code] = await once(room, 'exit');
  expect(code).toBe(0);
});
