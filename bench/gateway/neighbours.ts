/**
 * What the primary path feels of its neighbours: the p99 of answers to senders, at half of what the gateway reaches in
 * `parallel`, beside a candidate, a database or a scraper that is slow or dead. Before each the same is measured with all
 * of them well, and the ratio is taken of the two.
 */

import { request } from 'node:https';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres, type TestPostgres } from '../../adapters/postgres-harness.ts';
import { measure, median, type Run } from './measure.ts';
import { type Neighbourhood, startNeighbourhood } from './variants.ts';

type Timing = { readonly warmUpMs: number; readonly measureMs: number };
/** Begins something bad; resolves with what ends it. */
type Trouble = () => Promise<() => Promise<void>>;

const SHARE_OF_REACHED = 0.5;
const DATABASE_DELAY_MS = 250;
const SCRAPERS = 4;
const SLOW_READERS = 10;
const WELL_LIMIT_MS = 180_000;

export async function neighbours(
  feeds: number,
  folder: string,
  timing: Timing,
  rounds: number,
  told: (line: string) => void,
): Promise<object> {
  const database = await startPostgres();
  const proxy = await DelayingProxy.start(Number(new URL(database.url).port));
  const url = new URL(database.url);
  url.port = String(proxy.port);
  let site: Neighbourhood | null = null;
  try {
    site = await startNeighbourhood(feeds, folder, url.href);
    return await compared(site, troubles(site, database, proxy), timing, rounds, told);
  } finally {
    await site?.stop();
    proxy.stop();
    await database.remove();
  }
}

async function compared(
  site: Neighbourhood,
  all: Readonly<Record<string, Trouble>>,
  timing: Timing,
  rounds: number,
  told: (line: string) => void,
): Promise<object> {
  let from = 1;
  const run = async (perSecond: number | null): Promise<Run> => {
    const measured = await measure(site, { ...timing, from, perSecond });
    from += 10_000_000;
    return measured;
  };
  const perSecond = Math.floor((await run(null)).perSecond * SHARE_OF_REACHED);
  const ratios: Record<string, number[]> = {};
  const wrong = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, begin] of Object.entries(all)) {
      await allWell(site);
      const well = await run(perSecond);
      const end = await begin();
      const troubled = await run(perSecond);
      await end();
      const [before, during] = [well.latenciesUs.p99, troubled.latenciesUs.p99];
      told(`round ${round + 1}, ${name}: p99 ${before} µs with all well, ${during} µs`);
      ratios[name] = [...(ratios[name] ?? []), during / before];
      for (const problem of [...well.wrong, ...troubled.wrong]) wrong.add(`${name}: ${problem}`);
    }
  }
  const rows = Object.entries(ratios).map(([name, values]) => [
    `p99 ÷ p99 with all well: ${name}`,
    `${median(values).toFixed(2)} (${values.map((value) => value.toFixed(2)).join(', ')})`,
  ]);
  return { 'messages/s': perSecond, ...Object.fromEntries(rows), counted: [...wrong].join(', ') || 'ok' };
}

function troubles(site: Neighbourhood, database: TestPostgres, proxy: DelayingProxy): Record<string, Trouble> {
  const { candidate } = site;
  const candidateIs =
    (mood: 'slow' | 'mute' | 'refusing'): Trouble =>
    async () => {
      await candidate.behave(mood);
      return () => candidate.behave('well');
    };
  return {
    nothing: async () => async () => undefined,
    'candidate answers after seconds': candidateIs('slow'),
    'candidate says nothing': candidateIs('mute'),
    'candidate refuses': candidateIs('refusing'),
    'database down': async () => {
      await database.down();
      return () => database.up();
    },
    'database slow': async () => {
      proxy.delayMs = DATABASE_DELAY_MS;
      return async () => {
        proxy.delayMs = 0;
      };
    },
    'database read-only': async () => {
      await readOnly(database.url, true);
      return () => readOnly(database.url, false);
    },
    'metrics scraped without a pause': async () => scrapeWithoutPause(site.gateway.adminPort),
    'metrics read slowly': async () => readSlowly(site.gateway.adminPort),
  };
}

/** Every copy is delivered, and every record is in the database. */
async function allWell({ gateway }: Neighbourhood): Promise<void> {
  const until = Date.now() + WELL_LIMIT_MS;
  for (;;) {
    const [statuses, lag] = [
      await gateway.admin.connections(),
      await gateway.admin.metric('cutover_shipping_lag_records'),
    ];
    const isWell =
      statuses.ok && statuses.value.every(({ shadowLag }) => shadowLag === 0) && lag.ok && (lag.value ?? 1) === 0;
    if (isWell) return;
    if (Date.now() > until) throw new Error('after a trouble had ended, not everything was caught up');
    await sleep(200);
  }
}

async function readOnly(url: string, isOn: boolean): Promise<void> {
  const client = new pg.Client({ connectionString: url, options: '-c default_transaction_read_only=off' });
  await client.connect();
  await client.query(
    `alter system ${isOn ? 'set default_transaction_read_only = on' : 'reset default_transaction_read_only'}`,
  );
  await client.query('select pg_reload_conf()');
  await client.end();
}

function scrape(port: number): Promise<void> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false }, (response) => {
      response.resume();
      response.once('close', resolve);
    });
    asked.once('error', () => resolve());
    asked.end();
  });
}

function scrapeWithoutPause(port: number): () => Promise<void> {
  let isOver = false;
  const scraper = async (): Promise<void> => {
    while (!isOver) await scrape(port);
  };
  const all = Array.from({ length: SCRAPERS }, scraper);
  return async () => {
    isOver = true;
    await Promise.all(all);
  };
}

/** They ask, and read nothing of the answer. */
function readSlowly(port: number): () => Promise<void> {
  const asked = Array.from({ length: SLOW_READERS }, () =>
    request({ host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false }, (response) => response.pause())
      .on('error', () => undefined)
      .end(),
  );
  return async () => {
    for (const one of asked) one.destroy();
  };
}

/** Stands before the database: what passes is late by `delayMs`, in both directions. */
class DelayingProxy {
  delayMs = 0;
  readonly port: number;
  readonly #stop: () => void;

  private constructor(port: number, stop: () => void) {
    this.port = port;
    this.#stop = stop;
  }

  static async start(to: number): Promise<DelayingProxy> {
    const open = new Set<Socket>();
    const server = createServer((client) => {
      const upstream = connectTcp({ host: '127.0.0.1', port: to });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        open.add(one);
        one.on('data', (chunk) => setTimeout(() => other.write(chunk), proxy.delayMs));
        one.on('error', () => undefined);
        one.on('close', () => {
          open.delete(one);
          other.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const proxy: DelayingProxy = new DelayingProxy(port, () => {
      server.close();
      for (const socket of open) socket.destroy();
    });
    return proxy;
  }

  stop(): void {
    this.#stop();
  }
}
