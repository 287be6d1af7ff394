/**
 * The tables of one component, forwards only: migrations are applied once each, in order, under an advisory lock, and
 * noted in `cutover.migrations`. What is applied never changes; a database that is ahead is left alone.
 */
import { createHash } from 'node:crypto';
import type { Postgres } from './postgres.ts';

export type Migration = { readonly name: string; readonly sql: string };

export class MigrationRefusal extends Error {
  override readonly name = 'MigrationRefusal';
}

type Applied = { readonly version: number; readonly name: string; readonly digest: string };

const FOUNDATION = `
  create table if not exists cutover.migrations (
    component text not null,
    version integer not null,
    name text not null,
    digest text not null,
    applied_at timestamptz not null default now(),
    primary key (component, version)
  );`;

/** The first migration has version 1. Resolves with the versions applied now. @throws MigrationRefusal, PostgresFailure */
export async function migrate(
  postgres: Postgres,
  component: string,
  migrations: readonly Migration[],
): Promise<readonly number[]> {
  // Without a lock and without a write first: a database that only reads, and is up to date, is fine.
  if (pendingOf(component, migrations, await appliedOf(postgres, component)).length === 0) return [];
  return postgres.transaction(async () => {
    await postgres.query('select pg_advisory_xact_lock($1)', [lockKeyOf('schema')]);
    const { rows } = await postgres.query("select from pg_namespace where nspname = 'cutover'");
    if (rows.length === 0) await postgres.run('create schema cutover');
    await postgres.run(FOUNDATION);
    const pending = pendingOf(component, migrations, await appliedOf(postgres, component));
    for (const { version, name, sql } of pending) {
      await postgres.run(sql);
      await postgres.query(
        'insert into cutover.migrations (component, version, name, digest) values ($1, $2, $3, $4)',
        [component, version, name, digestOf(sql)],
      );
    }
    return pending.map(({ version }) => version);
  });
}

/** A stable key for `pg_advisory_xact_lock`, the same for every version of the program. */
export function lockKeyOf(name: string): number {
  return createHash('sha256').update(`cutover ${name}`).digest().readUIntBE(0, 6);
}

async function appliedOf(postgres: Postgres, component: string): Promise<readonly Applied[]> {
  const { rows: tables } = await postgres.query(
    "select from pg_tables where schemaname = 'cutover' and tablename = 'migrations'",
  );
  if (tables.length === 0) return [];
  const { rows } = await postgres.query<Applied>(
    'select version, name, digest from cutover.migrations where component = $1 order by version',
    [component],
  );
  return rows;
}

function pendingOf(
  component: string,
  migrations: readonly Migration[],
  applied: readonly Applied[],
): readonly (Migration & { readonly version: number })[] {
  for (const { version, name, digest } of applied) {
    const known = migrations[version - 1];
    if (known === undefined) {
      throw new MigrationRefusal(
        `the database has migration ${version} (${name}) of '${component}', which this program does not know: it is newer → update this program`,
      );
    }
    if (digestOf(known.sql) !== digest) {
      throw new MigrationRefusal(
        `migration ${version} (${name}) of '${component}' was applied with other content → applied migrations never change: add a new one`,
      );
    }
  }
  return migrations.map((migration, index) => ({ ...migration, version: index + 1 })).slice(applied.length);
}

function digestOf(sql: string): string {
  return createHash('sha256').update(sql, 'utf8').digest('hex');
}
