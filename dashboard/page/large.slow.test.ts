/** A large lab, and a long night: the page keeps up with 5,000 connections, and an hour of updates does not fill its memory. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, startChromium } from '../../adapters/chromium.example.ts';
import { appendBounded, KEPT } from '../../core/war-room/feed.ts';
import { type Asset, bundlePage } from '../bundle.ts';
import { START_MS, tile, whole } from './example.ts';
import { openWarRoom, type WarRoom } from './harness.ts';

const executable = chromiumPath();
const LIMIT_MS = 600_000;
/** After so many updates the page must have shown the last one. */
const CHECKED_EVERY = 60;

describe.skipIf(executable === null)('the war room at size', () => {
  let browser: Browser;
  let assets: ReadonlyMap<string, Asset>;
  beforeAll(async () => {
    browser = await startChromium(executable ?? '');
    assets = await bundlePage();
  });
  afterAll(() => browser.close());

  /** One in a hundred connections changes with each update, as fast as the page takes them. */
  async function play(room: WarRoom, from: number, to: number): Promise<void> {
    for (let update = from; update < to; update++) {
      const sample = { atMs: START_MS + 200_000 + update * 1000, received: 100, delivered: update % 200, lag: 0 };
      const samples = appendBounded(room.now().samples, [sample], KEPT.samples);
      const delivered = 2000 + update;
      room.publish(
        room.changed((each, index) => (index % 100 === update % 100 ? { ...each, delivered } : each), { samples }),
      );
      if (update % CHECKED_EVERY !== CHECKED_EVERY - 1) continue;
      const name = room.now().tiles[update % 100]?.name ?? '';
      const facts = `[data-name="${name}"] .facts`;
      await room.page.waitForFunction(
        ([selector = '', text = '']) => document.querySelector(selector)?.textContent?.includes(text),
        [facts, delivered.toLocaleString('en-US')],
      );
    }
  }

  it(
    '5,000 connections: every update is shown, and scrolling goes on',
    async () => {
      const room = await openWarRoom(browser, assets, whole(Array.from({ length: 5000 }, (_, index) => tile(index))));
      expect(await room.page.locator('.tile').count()).toBe(5000);
      await play(room, 0, 240);
      await room.page.mouse.wheel(0, 20_000);
      await room.page.waitForFunction(() => window.scrollY > 10_000);
      await play(room, 240, 300);
      await room.screenshot('five-thousand');
      await room.end();
    },
    LIMIT_MS,
  );

  it(
    'an hour of updates of 250 connections: the memory is that of the first quarter',
    async () => {
      const room = await openWarRoom(browser, assets, whole(Array.from({ length: 250 }, (_, index) => tile(index))));
      const session = await room.page.context().newCDPSession(room.page);
      const heapBytes = async (): Promise<number> => {
        await session.send('HeapProfiler.collectGarbage');
        const { usedSize } = await session.send('Runtime.getHeapUsage');
        return usedSize;
      };
      await play(room, 0, 900);
      const early = await heapBytes();
      await play(room, 900, 3600);
      expect(await heapBytes()).toBeLessThan(early * 1.25 + 1_000_000);
      await room.end();
    },
    LIMIT_MS,
  );
});
