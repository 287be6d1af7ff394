import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_CHAIN, findChainFault, type LedgerDraft } from '../core/ledger-entry.ts';
import { Ledger, LedgerUnavailable } from './ledger.ts';
import { startPostgres, type TestPostgres } from './postgres-harness.ts';

const LIMIT_MS = 60_000;
let database: TestPostgres;
let url: string;

beforeAll(async () => {
  database = await startPostgres();
  url = database.url;
}, LIMIT_MS);

afterAll(() => database?.remove(), LIMIT_MS);

describe('the ledger in PostgreSQL', () => {
  test(
    'two writers at once make one whole chain',
    async () => {
      const [one, two] = await Promise.all([open('race'), open('race')]);
      const writes = Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? one : two).append([draft('race', 'intent', { index })]),
      );
      await Promise.all(writes);
      const entries = await one.entries();
      expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      expect(findChainFault(entries)).toBeNull();
      expect(await two.head()).toEqual({ seq: 20, digest: entries.at(-1)?.digest });
      await Promise.all([one.close(), two.close()]);
    },
    LIMIT_MS,
  );

  test(
    'an epoch is in the chain once, however often it is brought in',
    async () => {
      const ledger = await open('epochs');
      // The entry's own verb is another one, and a reason may look like one.
      const made = (number: number) => ({ reason: `"verb":"x${number}"`, verb: 'restore' });
      const epoch = (number: number) =>
        draft('epochs', 'epoch', { connection: 'a', epoch: number, digest: `d${number}`, ...made(number) });
      await ledger.append([epoch(1), epoch(2)]);
      const again = await ledger.append([epoch(2), epoch(3)]);
      expect(again.map(({ body }) => body)).toEqual([{ connection: 'a', epoch: 3, digest: 'd3', ...made(3) }]);
      expect([...((await ledger.epochs()).get('a') ?? [])].sort()).toEqual([
        [1, 'restore'],
        [2, 'restore'],
        [3, 'restore'],
      ]);
      await ledger.close();
    },
    LIMIT_MS,
  );

  test(
    'deployments have chains of their own',
    async () => {
      const ledger = await open('alone');
      expect(await ledger.head()).toEqual(EMPTY_CHAIN);
      await ledger.close();
    },
    LIMIT_MS,
  );

  test(
    'nothing in it can be changed or removed',
    async () => {
      const ledger = await open('fixed');
      await ledger.append([draft('fixed', 'result', {})]);
      await ledger.close();
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const statements = [
        "update cutover.ledger set kind = 'x'",
        'delete from cutover.ledger',
        'truncate cutover.ledger',
      ];
      for (const statement of statements) await expect(client.query(statement)).rejects.toThrow('new entries only');
      await client.end();
    },
    LIMIT_MS,
  );

  test('what cannot be reached says so, without the password', async () => {
    const failure = Ledger.open({ url: 'postgres://ada:hidden@127.0.0.1:1/none', deployment: 'lab' });
    await expect(failure).rejects.toThrow(LedgerUnavailable);
    await expect(failure).rejects.toThrow(/ECONNREFUSED/);
    await expect(failure).rejects.not.toThrow(/hidden/);
  });
});

function open(deployment: string): Promise<Ledger> {
  return Ledger.open({ url, deployment });
}

function draft(deployment: string, kind: LedgerDraft['kind'], body: LedgerDraft['body']): LedgerDraft {
  const at = '2026-01-01T00:00:00.000Z';
  const who = { operator: 'ada', host: 'ops-1', run: 'run-1', verb: 'switch', stack: 'test' };
  return { deployment, kind, at, ...who, reason: null, changeId: null, body };
}
