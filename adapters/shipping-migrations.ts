/** The tables that journals are shipped into. Applied migrations never change: add to the end. */
import type { Migration } from './postgres-migrations.ts';

/**
 * `records` is partitioned by journal (one shard's incarnation), then by offset, so that its key says exactly what may
 * exist once, and old records go away as whole tables. `meta` is text, not jsonb: the digest is over these characters, and
 * an MSH-10 may hold what jsonb refuses. A digest can be checked in SQL:
 * sha256(convert_to(shard || '/' || incarnation || '/' || "offset" || E'\n' || meta || E'\n', 'UTF8')
 *   || case when payload is null then '-'::bytea else '+'::bytea || payload end)
 */
const RECORDS = `
  create table cutover.journals (
    id integer generated always as identity primary key,
    deployment text not null,
    shard integer not null,
    incarnation text not null,
    shipped_up_to bigint not null default 0,
    shipped_at timestamptz,
    registered_at timestamptz not null default now(),
    unique (shard, incarnation)
  );
  create table cutover.journal_gaps (
    journal integer not null references cutover.journals (id),
    from_offset bigint not null,
    to_offset bigint not null,
    noticed_at timestamptz not null default now(),
    primary key (journal, from_offset)
  );
  create table cutover.records (
    journal integer not null,
    "offset" bigint not null,
    at timestamptz,
    type text not null,
    connection text,
    feed text,
    platform text,
    ref bigint,
    msh10 text,
    sha256 text,
    meta text not null,
    payload bytea,
    digest bytea not null,
    primary key (journal, "offset")
  ) partition by list (journal);
  create index records_by_connection on cutover.records (journal, connection, "offset");
  create index records_by_ref on cutover.records (journal, ref) where ref is not null;
  create view cutover.journal_records as
    select j.deployment, j.shard, j.incarnation, r."offset", r.at, r.type, r.connection, r.feed, r.platform, r.ref, r.msh10,
      r.sha256, r.meta, r.payload, r.digest
    from cutover.records r join cutover.journals j on j.id = r.journal;
  comment on column cutover.journals.shipped_up_to is 'every record up to this offset is in cutover.records or in cutover.journal_gaps';
  comment on column cutover.records.ref is 'offset of the input or output that the record is about';
  comment on column cutover.records.msh10 is 'null also where it cannot be text; meta has it';`;

/**
 * A payload that was purged leaves its own digest and a seal: over meta, the payload's digest and the record's digest. The
 * record's digest stays, so that shipping it once more changes nothing.
 */
const PURGED = `
  alter table cutover.records add column purged_at timestamptz, add column payload_sha256 bytea, add column purge_seal bytea;
  create or replace view cutover.journal_records as
    select j.deployment, j.shard, j.incarnation, r."offset", r.at, r.type, r.connection, r.feed, r.platform, r.ref, r.msh10,
      r.sha256, r.meta, r.payload, r.digest, r.purged_at, r.payload_sha256, r.purge_seal
    from cutover.records r join cutover.journals j on j.id = r.journal;`;

/** A journal that was restored begins with the records of the one that it goes on from, the same up to `restored_upto`. */
const RESTORED = 'alter table cutover.journals add column restored_from text, add column restored_upto bigint;';

export const SHIPPING_MIGRATIONS: readonly Migration[] = [
  { name: 'records', sql: RECORDS },
  { name: 'purged', sql: PURGED },
  { name: 'restored', sql: RESTORED },
];
