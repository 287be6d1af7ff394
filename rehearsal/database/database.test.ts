import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { type Database, startDatabase } from './database.ts';
import { isOpenToEveryone } from './load.ts';

const folders: string[] = [];
let database: Database | undefined;

afterEach(async () => {
  await database?.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rehearsal-database-'));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

test('a real PostgreSQL starts, answers, survives an outage and is gone afterwards', { timeout: 60_000 }, async () => {
  database = await startDatabase(openFolder(), { ...process.env, DATABASE_URL: '' });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ version: string }>('select version()');
  expect(rows[0]?.version).toMatch(/^PostgreSQL/);
  await client.query('create table kept (id int)');
  await client.end();
  await database.takeDown();
  await expect(new pg.Client({ connectionString: database.url }).connect()).rejects.toThrow(/ECONNREFUSED/);
  await database.bringBack();
  const afterOutage = new pg.Client({ connectionString: database.url });
  await afterOutage.connect();
  expect((await afterOutage.query('select * from kept')).rows).toEqual([]);
  await afterOutage.end();
  await database.stop();
  const again = new pg.Client({ connectionString: database.url });
  await expect(again.connect()).rejects.toThrow(/ECONNREFUSED/);
});

test('DATABASE_URL names another one', async () => {
  database = await startDatabase('/nowhere', { DATABASE_URL: 'postgresql://elsewhere/cutover' });
  expect(database).toMatchObject({ url: 'postgresql://elsewhere/cutover', embedded: false });
});

test('a private folder is recognised', () => {
  const folder = openFolder();
  expect(isOpenToEveryone(folder)).toBe(true);
  chmodSync(folder, 0o700);
  expect(isOpenToEveryone(folder)).toBe(false);
});
