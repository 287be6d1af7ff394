/** What can be wrong with a neighbour of the primary path, each begun and ended on demand; and whether all are well. */
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { TestPostgres } from '../../adapters/postgres-harness.ts';
import type { DelayingProxy } from './delaying-proxy.ts';
import type { Helper } from './processes.ts';
import type { Mood } from './receiver.ts';
import type { ScraperRequest } from './scraper.ts';
import type { Neighbourhood } from './variants.ts';

/** Begins something bad; resolves with what ends it. */
export type Trouble = () => Promise<() => Promise<void>>;

const DATABASE_DELAY_MS = 250;
const SCRAPERS = 4;
const SLOW_READERS = 10;
const WELL_LIMIT_MS = 90_000;
const LOOK_MS = 500;
/** Traffic flows: a copy a feed may be under way, and what the database has is a moment old. */
const SHIPPED_WITHIN_S = 2;

export const CONTROL = 'nothing (control)';

export function troubles(
  site: Neighbourhood,
  database: TestPostgres,
  proxy: DelayingProxy,
  scraper: Helper,
): Readonly<Record<string, Trouble>> {
  const { candidate, gateway } = site;
  const candidateIs =
    (mood: Mood): Trouble =>
    async () => {
      await candidate.behave(mood);
      return () => candidate.behave('well');
    };
  const scrapersAre =
    (how: 'restless' | 'silent', count: number): Trouble =>
    async () => {
      const begin: ScraperRequest = { kind: 'ask', port: gateway.adminPort, how, count };
      const end: ScraperRequest = { kind: 'end' };
      await scraper.ask(begin);
      return async () => {
        await scraper.ask(end);
      };
    };
  return {
    [CONTROL]: async () => async () => undefined,
    'candidate answers after 3 s': candidateIs('slow'),
    'candidate says nothing': candidateIs('mute'),
    'candidate refuses': candidateIs('refusing'),
    'candidate reads slowly': candidateIs('sluggish'),
    'database down': async () => {
      await database.down();
      return () => database.up();
    },
    [`database ${DATABASE_DELAY_MS} ms late`]: async () => {
      proxy.delayMs = DATABASE_DELAY_MS;
      return async () => {
        proxy.delayMs = 0;
      };
    },
    'database read-only': async () => {
      await readOnly(database.url, true);
      return () => readOnly(database.url, false);
    },
    [`${SCRAPERS} scrapers without a pause`]: scrapersAre('restless', SCRAPERS),
    [`${SLOW_READERS} scrapers that do not read`]: scrapersAre('silent', SLOW_READERS),
  };
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

/** Null once every copy is with the candidate and every record in the database; else, past the limit, what is behind. */
export async function whatIsBehind({ gateway, ports }: Neighbourhood, limitMs = WELL_LIMIT_MS): Promise<string | null> {
  const until = performance.now() + limitMs;
  for (;;) {
    const text = await metricsOf(gateway.adminPort);
    const copies = sumOf(text, 'cutover_shadow_lag_messages');
    const seconds = sumOf(text, 'cutover_shipping_lag_seconds');
    const areCopiesThere = copies !== null && copies <= ports.length;
    const isShipped = seconds !== null && seconds <= SHIPPED_WITHIN_S;
    if (areCopiesThere && isShipped) return null;
    if (performance.now() > until) return `the candidate is ${copies} copies behind, the database ${seconds} s`;
    await sleep(LOOK_MS);
  }
}

/** Over all labels; null: the gateway does not tell. */
function sumOf(metrics: string, name: string): number | null {
  const values = metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

function metricsOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false },
      async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part);
        resolve(Buffer.concat(parts).toString());
      },
    );
    asked.once('error', reject);
    asked.end();
  });
}
