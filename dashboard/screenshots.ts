/** `npm run screenshots`: the pictures of the war room in docs/images, made by a real browser from a made-up night. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { chromiumPath, startChromium } from '../adapters/chromium.example.ts';
import { summarise, type Tile } from '../core/war-room/board.ts';
import type { Pause, TimelineEntry, Whole } from '../core/war-room/feed.ts';
import { bundlePage } from './bundle.ts';
import { START_MS, tile, whole } from './page/example.ts';
import { DashboardServer } from './server.ts';

const FOLDER = fileURLToPath(new URL('../docs/images/', import.meta.url));
const PRACTICES = ['northside', 'harbor', 'lakeview', 'summit', 'riverside', 'oakwood', 'eastgate', 'hillcrest'];
const COUNT = 96;
/** Of the pilot; the wave after it is in the middle of its switch. */
const SWITCHED = 34;

const executable = chromiumPath();
if (executable === null) {
  process.stderr.write('screenshots: there is no chromium here; name one with CHROMIUM\n');
  process.exitCode = 1;
} else await takeAll(executable);

async function takeAll(path: string): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const night = nightOf();
  const detail = (name: string): object | null => {
    const found = night.tiles.find((each) => each.name === name);
    return found === undefined
      ? null
      : {
          status: {
            counters: { received: 12_408, accepted: 12_408, delivered: 12_406, captured: 12_402, maybeSent: 0 },
          },
          equation: {
            at: '2026-06-06T21:40:00.000Z',
            owed: 12_390,
            delivered: 12_388,
            destinationRejected: 2,
            filtered: 0,
            unexplained: 0,
            decisions: 0,
            pending: 0,
            evidenceGrade: 'A',
            verdict: 'green',
          },
        };
  };
  const server = new DashboardServer({
    assets: await bundlePage(),
    whole: () => night,
    detail,
    token: null,
    host: '127.0.0.1',
  });
  const port = await server.listen(0, '127.0.0.1');
  const browser = await startChromium(path);
  try {
    const page = await browser.newPage({ viewport: { width: 1360, height: 850 } });
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.waitForSelector('.tile');
    await take(page, 'war-room');
    await page.emulateMedia({ colorScheme: 'dark' });
    await take(page, 'war-room-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.locator('.tile.bad').first().click();
    await page.waitForSelector('dialog .counters dd');
    await take(page, 'war-room-connection');
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 400, height: 850 });
    await take(page, 'war-room-narrow');
    await page.setViewportSize({ width: 1032, height: 720 });
    await page.emulateMedia({ media: 'print' });
    await take(page, 'war-room-print');
  } finally {
    await browser.close();
    await server.close();
  }
}

async function take(page: Page, name: string): Promise<void> {
  // The charts are drawn in the next frame.
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  await page.screenshot({ path: `${FOLDER}${name}.jpg`, type: 'jpeg', quality: 72 });
  process.stdout.write(`docs/images/${name}.jpg\n`);
}

function nightOf(): Whole {
  const tiles = Array.from({ length: COUNT }, (_, index) => tileOf(index));
  const moved = tiles.filter(({ phase }) => phase === 'switched');
  const pauses = moved.map(
    ({ name }, index): Pause => ({
      atMs: START_MS + 60_000 + index * 1_500,
      connection: name,
      pauseMs: 180 + ((index * 97) % 420),
      aborted: false,
    }),
  );
  const timeline = moved.map(
    ({ name }, index): TimelineEntry => ({
      atMs: START_MS + 60_000 + index * 1_500,
      connection: name,
      epoch: 3,
      phase: 'switched',
      newWeight: 0,
      by: 'ada',
      origin: 'verb',
      reason: 'wave 1',
      forced: false,
    }),
  );
  const [held] = tiles.filter(({ decisions }) => decisions > 0);
  const made = whole(tiles);
  const criteria = [
    { id: 'outputs-match', verdict: 'green', reason: '96 connections, no difference without a rule' },
    { id: 'rollback-drilled', verdict: 'green', reason: 'drilled, 4.1 s' },
    { id: 'window', verdict: 'green', reason: 'open until 04:00, quiet by its own history' },
    { id: 'on-call', verdict: 'green', reason: 'a synthetic alert was acknowledged' },
  ];
  return {
    ...made,
    summary: summarise(tiles),
    pauses,
    timeline,
    decisions: made.decisions.map((each) => ({ ...each, connection: held?.name ?? each.connection })),
    gate: made.gate === null ? null : { ...made.gate, criteria },
  };
}

function tileOf(index: number): Tile {
  const practice = `${PRACTICES[Math.floor(index / 2) % PRACTICES.length]}-${1 + Math.floor(index / 16)}`;
  const direction = index % 2 === 0 ? 'orders' : 'results';
  const wave = index < 16 ? 'pilot' : `wave-${1 + Math.floor((index - 16) / 40)}`;
  const received = 9_000 + ((index * 331) % 4_000);
  const common = { name: `${practice}-${direction}`, practice, wave, received, delivered: received - (index % 3) };
  if (index === 21)
    return tile(index, {
      ...common,
      phase: 'switched',
      control: 'new',
      epoch: 3,
      decisions: 1,
      verdict: 'bad',
      reasons: ['1 decision waits'],
    });
  if (index < SWITCHED) return tile(index, { ...common, phase: 'switched', control: 'new', epoch: 3 });
  if (index < SWITCHED + 6)
    return tile(index, {
      ...common,
      state: 'draining',
      verdict: 'watch',
      reasons: ['a swap is in progress: draining'],
      inFlight: 1,
    });
  if (index === 60) return tile(index, { ...common, lag: 140, verdict: 'watch', reasons: ['140 shadow copies wait'] });
  return tile(index, common);
}
