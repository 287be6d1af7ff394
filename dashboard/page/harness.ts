/** The page in a real browser, before a server that a test feeds. */
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import { summarise, type Tile } from '../../core/war-room/board.ts';
import type { Whole } from '../../core/war-room/feed.ts';
import type { Asset } from '../bundle.ts';
import { DashboardServer } from '../server.ts';

export function tile(index: number, more: Partial<Tile> = {}): Tile {
  const direction = index % 2 === 0 ? 'orders' : 'results';
  return {
    name: `practice-${Math.floor(index / 2)}-${direction}`,
    practice: `practice-${Math.floor(index / 2)}`,
    direction,
    wave: index < 10 ? 'pilot' : `wave-${1 + Math.floor(index / 50)}`,
    feed: `practice-${index}`,
    shard: 0,
    owner: 'integration-team',
    phase: 'parallel',
    control: 'legacy',
    epoch: 2,
    newWeight: 0,
    state: 'steady',
    inFlight: 0,
    owed: 0,
    lag: 0,
    decisions: 0,
    received: 1000,
    delivered: 1000,
    maybeSent: 0,
    rollbackReady: true,
    comparison: { pairs: 900, matched: 890, accepted: 10, open: 0 },
    verdict: 'fine',
    reasons: [],
    ...more,
  };
}

export const START_MS = Date.UTC(2026, 5, 6, 22);

export function whole(tiles: readonly Tile[], more: Partial<Whole> = {}): Whole {
  const samples = Array.from({ length: 120 }, (_, index) => ({
    atMs: START_MS + index * 1000,
    received: 110 + 10 * Math.sin(index / 9),
    delivered: 109 + 10 * Math.sin(index / 9),
    lag: index % 7,
  }));
  return {
    deployment: 'lab-prod-1',
    stack: 'production',
    tiles,
    summary: summarise(tiles),
    samples,
    pauses: Array.from({ length: 40 }, (_, index) => ({
      atMs: START_MS + index * 2000,
      connection: `c${index}`,
      pauseMs: 60 + (index % 9) * 12,
      aborted: false,
    })),
    timeline: [
      {
        atMs: START_MS,
        connection: tiles[0]?.name ?? '',
        epoch: 2,
        phase: 'parallel',
        newWeight: 0,
        by: 'ada',
        reason: 'wave 1',
        forced: false,
      },
    ],
    decisions: [
      {
        id: 'd1',
        connection: tiles[3]?.name ?? '',
        cause: 'output-missing',
        openedAt: '2026-06-06T22:00:00Z',
        proposals: 1,
      },
    ],
    approvals: [
      {
        digest: `sha256:${'a'.repeat(64)}`,
        target: 'switched',
        connections: 250,
        notBefore: '2026-06-06T22:00Z',
        notAfter: '2026-06-07T04:00Z',
      },
    ],
    gate: {
      at: '2026-06-06T21:50:00Z',
      verdict: 'green',
      digest: `sha256:${'b'.repeat(64)}`,
      criteria: [{ id: 'window', verdict: 'green', reason: 'open until 04:00' }],
    },
    sources: [{ name: 'gateway 0', verdict: 'fine', message: 'https://10.20.0.10:7443' }],
    atMs: START_MS,
    ...more,
  };
}

export type WarRoom = {
  readonly page: Page;
  now(): Whole;
  publish(next: Whole): void;
  /** Every tile changed, and a second later. */
  changed(change: (tile: Tile, index: number) => Tile, more?: Partial<Whole>): Whole;
  headline(): Promise<string>;
  /** Where CUTOVER_SCREENSHOTS names a folder. */
  screenshot(name: string): Promise<void>;
  end(): Promise<void>;
};

export async function openWarRoom(
  browser: Browser,
  assets: ReadonlyMap<string, Asset>,
  first: Whole,
): Promise<WarRoom> {
  let now = first;
  const complaints: string[] = [];
  const detail = (): object => ({ status: { counters: { received: 7, delivered: 6 } } });
  const server = new DashboardServer({ assets, whole: () => now, detail, token: null, host: '127.0.0.1' });
  const port = await server.listen(0, '127.0.0.1');
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForSelector('.tile');
  return {
    page,
    now: () => now,
    publish: (next) => {
      now = next;
      server.publish();
    },
    changed: (change, more = {}) => {
      const tiles = now.tiles.map(change);
      return { ...now, tiles, summary: summarise(tiles), atMs: now.atMs + 1000, ...more };
    },
    headline: () => page.innerText('h1'),
    screenshot: async (name) => {
      const folder = process.env.CUTOVER_SCREENSHOTS;
      if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` });
    },
    end: async () => {
      expect(complaints).toEqual([]);
      await page.close();
      await server.close();
    },
  };
}
