/** The page in a real browser, before a server that a test feeds. */
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import { openPage, screenshot } from '../../adapters/chromium.example.ts';
import { summarise, type Tile } from '../../core/war-room/board.ts';
import type { Whole } from '../../core/war-room/feed.ts';
import type { Asset } from '../bundle.ts';
import { DashboardServer } from '../server.ts';

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
  const detail = (): object => ({
    status: { counters: { received: 1_234_567, delivered: 6, destinationRejected: 1 } },
    equation: {
      at: '2026-06-06T22:10:00.000Z',
      owed: 7,
      delivered: 6,
      destinationRejected: 1,
      filtered: 0,
      unexplained: 0,
      decisions: 0,
      pending: 0,
      evidenceGrade: 'B',
      verdict: 'green',
    },
  });
  const server = new DashboardServer({ assets, whole: () => now, detail, token: null, host: '127.0.0.1' });
  const port = await server.listen(0, '127.0.0.1');
  const { page, complaints } = await openPage(browser, { viewport: { width: 1440, height: 900 } });
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
    screenshot: (name) => screenshot(page, name),
    end: async () => {
      expect(complaints).toEqual([]);
      await page.close();
      await server.close();
    },
  };
}
