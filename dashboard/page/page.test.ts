/** The page in a real browser: first paint, live changes, keyboard, accessibility, and silence. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, seriousIn, startChromium } from '../../adapters/chromium.example.ts';
import { type Asset, bundlePage } from '../bundle.ts';
import { tile, whole } from './example.ts';
import { openWarRoom } from './harness.ts';

const executable = chromiumPath();

describe.skipIf(executable === null)('the war room in chromium', () => {
  let browser: Browser;
  let assets: ReadonlyMap<string, Asset>;
  beforeAll(async () => {
    browser = await startChromium(executable ?? '');
    assets = await bundlePage();
  });
  afterAll(() => browser.close());

  it('follows a switch of 250 connections, from the first paint to the last tile', async () => {
    const room = await openWarRoom(browser, assets, whole(Array.from({ length: 250 }, (_, index) => tile(index))));
    expect(await room.page.locator('.tile').count()).toBe(250);
    expect(await room.headline()).toContain('All 250 connections are fine');
    await room.screenshot('fine');
    room.publish(
      room.changed((each) => ({
        ...each,
        state: 'holding',
        verdict: 'watch',
        reasons: ['a swap is in progress: holding'],
      })),
    );
    await room.page.waitForFunction(() => document.querySelectorAll('.tile.watch').length === 250);
    expect(await room.headline()).toContain('250 connections are to be watched');
    for (let done = 0; done <= 250; done += 50) {
      room.publish(
        room.changed((each, index) =>
          index < done
            ? { ...each, state: 'steady', phase: 'switched', control: 'new', epoch: 3, verdict: 'fine', reasons: [] }
            : each,
        ),
      );
    }
    await room.page.waitForFunction(() => document.querySelectorAll('.tile.fine').length === 250);
    expect(await room.page.locator('.tile .phase').first().innerText()).toBe('N');
    room.publish(
      room.changed((each, index) =>
        index === 7 ? { ...each, verdict: 'bad', decisions: 1, reasons: ['1 decision waits'] } : each,
      ),
    );
    await room.page.waitForSelector('.banner.bad');
    expect(await room.headline()).toContain('1 connection needs somebody now');
    await room.screenshot('bad');
    await room.end();
  });

  it('says loudly that it is not live when nothing comes any more', async () => {
    const room = await openWarRoom(browser, assets, whole([tile(0)]));
    await room.page.waitForSelector('.banner.unknown', { timeout: 30_000 });
    expect(await room.headline()).toContain('Not live');
    room.publish(room.changed((each) => each));
    await room.page.waitForSelector('.banner.fine');
    await room.end();
  });

  it('is used by keyboard alone: find, arrows, drill down, back', async () => {
    const room = await openWarRoom(browser, assets, whole(Array.from({ length: 30 }, (_, index) => tile(index))));
    await room.page.focus('.tile[tabindex="0"]');
    await room.page.keyboard.press('ArrowRight');
    await room.page.keyboard.press('ArrowDown');
    await room.page.keyboard.press('Home');
    await room.page.keyboard.press('ArrowRight');
    await room.page.keyboard.press('Enter');
    await room.page.waitForSelector('dialog[open] h2');
    expect(await room.page.innerText('dialog h2')).toContain('practice-0-results');
    await room.page.waitForSelector('dialog .counters dd');
    await room.screenshot('detail');
    await room.page.keyboard.press('Escape');
    await room.page.waitForSelector('dialog:not([open])', { state: 'attached' });
    expect(await room.page.evaluate(() => document.activeElement?.getAttribute('data-name'))).toBe(
      'practice-0-results',
    );
    await room.page.fill('input[type=search]', 'practice-4-');
    await room.page.waitForFunction(() => document.querySelectorAll('.tile').length === 2);
    await room.end();
  });

  it('says of a flow without a feed what it is and what helps; on a phone no number is broken over lines', async () => {
    const flow = tile(0, { feed: null, comparison: null, phase: 'switched', control: 'new' });
    const room = await openWarRoom(browser, assets, whole([flow]));
    await room.page.setViewportSize({ width: 390, height: 800 });
    await room.page.locator('.tile').first().click();
    await room.page.waitForSelector('dialog .counters dd');
    const text = await room.page.innerText('dialog');
    expect(text).toContain('none: a platform polls');
    expect(text).toContain('--what stopped');
    expect(text).not.toContain('shadow lag');
    const heights = await room.page
      .locator('dialog .counters > *')
      .evaluateAll((items) => items.map((item) => item.getClientRects()[0]?.height ?? 0));
    expect(Math.max(...heights)).toBeLessThan(30);
    expect(await room.page.evaluate(() => document.querySelector('dialog')?.scrollWidth ?? 0)).toBeLessThanOrEqual(390);
    await room.end();
  });

  it('axe finds nothing serious, light and dark, with the detail open too', async () => {
    const room = await openWarRoom(
      browser,
      assets,
      whole(
        Array.from({ length: 40 }, (_, index) =>
          tile(
            index,
            index % 4 === 0
              ? { verdict: 'bad', reasons: ['1 decision waits'] }
              : index % 4 === 1
                ? { verdict: 'watch', reasons: ['held'] }
                : index % 4 === 2
                  ? { verdict: 'unknown', reasons: ['its gateway does not answer'], phase: null }
                  : {},
          ),
        ),
      ),
    );
    for (const colorScheme of ['light', 'dark'] as const) {
      await room.page.emulateMedia({ colorScheme });
      expect(await seriousIn(room.page)).toEqual([]);
      await room.screenshot(colorScheme);
    }
    await room.page.locator('.tile').first().click();
    await room.page.waitForSelector('dialog[open] h2');
    expect(await seriousIn(room.page)).toEqual([]);
    await room.end();
  });
});
