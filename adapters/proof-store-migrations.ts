/**
 * The tables of the proof store, beside the shipped records: what the worker has found out, kept so that an answer over
 * everything reads a few rows a connection. Applied migrations never change: add to the end.
 */
import type { Migration } from './postgres-migrations.ts';

/**
 * `proof_obligations` has one row for each (input, connection) that is owed; `proof_inputs` what the worker still needs
 * of an input for which something may come. `proof_deliveries` has one row for each output that its destination answered
 * positively. Counts by hour follow from them, so that a window is whole hours from counts and its edges from rows.
 */
const PROOF = `
  create table cutover.proof_connections (
    id integer generated always as identity primary key,
    deployment text not null,
    name text not null,
    unique (deployment, name)
  );
  create table cutover.proof_worker (
    deployment text primary key,
    worker text not null,
    host text not null,
    version text not null,
    basis text not null,
    started_at timestamptz not null,
    heartbeat_at timestamptz not null
  );
  create table cutover.proof_positions (
    journal integer primary key references cutover.journals (id),
    position bigint not null default 0,
    record_at timestamptz,
    updated_at timestamptz not null default now()
  );
  create table cutover.proof_inputs (
    journal integer not null,
    input bigint not null,
    state text not null,
    primary key (journal, input)
  );
  create table cutover.proof_obligations (
    journal integer not null,
    input bigint not null,
    connection integer not null references cutover.proof_connections (id),
    epoch integer not null,
    at timestamptz not null,
    class text not null,
    pair text,
    msh10 text not null,
    sha256 bytea not null,
    primary key (journal, input, connection)
  );
  create index proof_obligations_by_time on cutover.proof_obligations (connection, at);
  create index proof_obligations_amiss on cutover.proof_obligations (connection, at)
    where class in ('destinationRejected', 'unexplained', 'decisions', 'pending');
  create table cutover.proof_deliveries (
    journal integer not null,
    output bigint not null,
    connection integer not null references cutover.proof_connections (id),
    input bigint,
    epoch integer not null,
    platform text not null,
    at timestamptz not null,
    msh10 text not null,
    sha256 bytea not null,
    primary key (journal, output)
  );
  create index proof_deliveries_by_time on cutover.proof_deliveries (connection, at);
  create index proof_deliveries_by_input on cutover.proof_deliveries (journal, input);
  create table cutover.proof_hours (
    connection integer not null references cutover.proof_connections (id),
    hour timestamptz not null,
    class text not null,
    n bigint not null,
    primary key (connection, hour, class)
  );
  create table cutover.proof_ingress (
    deployment text not null,
    feed text not null,
    minute timestamptz not null,
    outcome text not null,
    n bigint not null,
    primary key (deployment, feed, minute, outcome)
  );
  create table cutover.proof_listed (
    journal integer not null,
    "offset" bigint not null,
    connection integer not null references cutover.proof_connections (id),
    list text not null,
    msh10 text not null,
    sha256 bytea not null,
    about bigint,
    cause text not null,
    at timestamptz not null,
    primary key (journal, "offset")
  );
  create index proof_listed_by_time on cutover.proof_listed (connection, list, at);
  create table cutover.proof_decisions (
    journal integer not null,
    id text not null,
    connection integer not null references cutover.proof_connections (id),
    input bigint,
    cause text not null,
    opened_at timestamptz not null,
    action text,
    resolved_at timestamptz,
    primary key (journal, id)
  );
  create table cutover.proof_routes (
    connection integer not null references cutover.proof_connections (id),
    epoch integer not null,
    journal integer not null,
    phase text not null,
    new_weight integer not null,
    forced boolean not null,
    at timestamptz not null,
    primary key (connection, epoch, journal)
  );
  create table cutover.proof_comparison (
    connection integer not null references cutover.proof_connections (id),
    epoch integer not null,
    basis text not null,
    day date not null,
    matched bigint not null,
    accepted bigint not null,
    differing bigint not null,
    missing_candidate bigint not null,
    extra_candidate bigint not null,
    missing_both bigint not null,
    answers_differing bigint not null,
    destinations_differing bigint not null,
    out_of_order bigint not null,
    delays bigint[] not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (connection, epoch, basis, day)
  );
  create table cutover.proof_differences (
    connection integer not null references cutover.proof_connections (id),
    epoch integer not null,
    basis text not null,
    key bytea not null,
    path text not null,
    kind text not null,
    code text,
    shape text not null,
    rule text,
    n bigint not null,
    pairs bigint not null,
    magnitude float8,
    examples jsonb not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (connection, epoch, basis, key)
  );
  create table cutover.proof_findings (
    connection integer not null references cutover.proof_connections (id),
    epoch integer not null,
    basis text not null,
    platform text not null,
    area text not null,
    name text not null,
    n bigint not null,
    examples jsonb not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (connection, epoch, basis, platform, area, name)
  );
  create table cutover.proof_hidden (
    deployment text not null,
    rule text not null,
    pair bytea not null,
    n bigint not null,
    primary key (deployment, rule, pair)
  );
  create table cutover.proof_order_heads (
    connection integer not null references cutover.proof_connections (id),
    key bytea not null,
    journal integer not null,
    control bigint not null,
    candidate bigint not null,
    primary key (connection, key)
  );
  create table cutover.proof_orders (
    connection integer not null references cutover.proof_connections (id),
    number bytea not null,
    journal integer not null,
    output bigint not null,
    kind text not null,
    status text not null,
    platform text not null,
    epoch integer not null,
    at timestamptz not null,
    msh10 text not null,
    sha256 bytea not null,
    primary key (journal, output, number)
  );
  create index proof_orders_by_time on cutover.proof_orders (connection, at);
  create index proof_orders_by_number on cutover.proof_orders (number);
  comment on column cutover.proof_differences.key is
    'sha256 over path, kind, code, shape and rule: a shape may be longer than what an index takes';
  comment on table cutover.proof_hidden is 'digests of pairs of values that a rule accepts, up to a bound for each rule';
  comment on column cutover.proof_orders.number is 'the first 16 bytes of the SHA-256 of an order number';`;

/** How far payloads are purged in a journal: of everything (`all`), or of one connection and its feed. */
const PURGES = `
  create table cutover.proof_purges (
    journal integer not null references cutover.journals (id),
    scope text not null,
    position bigint not null default 0,
    purged bigint not null default 0,
    mismatched bigint not null default 0,
    primary key (journal, scope)
  );`;

/** Under which rules the pair of an obligation was compared; null: before this was written down. */
const BASES = 'alter table cutover.proof_obligations add column basis text;';

/**
 * Which contract a connection's outputs are held against, and how far those that came under another one have been held
 * against it too: outputs up to `upto` came before it, those up to `done` have been looked at again.
 */
const CONTRACTS = `
  create table cutover.proof_contracts (
    connection integer primary key references cutover.proof_connections (id),
    area text not null
  );
  create table cutover.proof_inspections (
    journal integer not null references cutover.journals (id),
    connection integer not null references cutover.proof_connections (id),
    upto bigint not null,
    done bigint not null default 0,
    primary key (journal, connection)
  );`;

export const PROOF_MIGRATIONS: readonly Migration[] = [
  { name: 'proof', sql: PROOF },
  { name: 'purges', sql: PURGES },
  { name: 'bases', sql: BASES },
  { name: 'contracts', sql: CONTRACTS },
];
