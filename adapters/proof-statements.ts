/** The batch as SQL: one statement a table, each with all its rows as one JSON document. */
import type { ProofBatch } from './proof-batch.ts';

const EXAMPLES_KEPT = 5;
/** Distinct pairs of values kept for one rule; beyond it the rule hides more than anyone reads. */
const HIDDEN_KEPT = 10_000;

type Surroundings = {
  readonly deployment: string;
  readonly journal: number;
  /** The number of a connection in the store. */
  readonly idOf: (connection: string) => number;
};

/** Each takes its rows as $1 (jsonb) and the journal as $2. */
export function statementsOf(
  batch: ProofBatch,
  { deployment, journal, idOf }: Surroundings,
): readonly (readonly [string, readonly object[]])[] {
  const numbered = <T extends { readonly connection: string }>(rows: readonly T[]) =>
    rows.map(({ connection, ...row }) => ({ ...row, connection: idOf(connection) }));
  const inputs = [...batch.inputs];
  return [
    [UPSERT_INPUTS, inputs.flatMap(([input, state]) => (state === null ? [] : [{ input, state }]))],
    [DELETE_INPUTS, inputs.flatMap(([input, state]) => (state === null ? [{ input }] : []))],
    [UPSERT_OBLIGATIONS, numbered(batch.obligations)],
    [DELETE_OBLIGATIONS, numbered(batch.withdrawn)],
    [INSERT_DELIVERIES, numbered(batch.deliveries)],
    [ADD_HOURS, numbered(batch.hours)],
    [ADD_INGRESS, batch.ingress.map((row) => ({ ...row, deployment, journal }))],
    [INSERT_LISTED, numbered(batch.listed)],
    [INSERT_DECISIONS, numbered(batch.decisions)],
    [UPDATE_DECISIONS, batch.resolutions],
    [INSERT_ROUTES, numbered(batch.routes)],
    [ADD_COMPARISON, numbered(batch.comparison)],
    [ADD_DIFFERENCES, numbered(batch.differences)],
    [ADD_FINDINGS, numbered(batch.findings)],
    [ADD_HIDDEN, batch.hidden.map((row) => ({ ...row, deployment }))],
    [PUT_HEADS, numbered(batch.heads)],
    [INSERT_ORDERS, numbered(batch.orders)],
    [MOVE_INSPECTIONS, numbered(batch.inspected)],
  ];
}

const rowsOf = (columns: string): string => `jsonb_to_recordset($1::jsonb) as row(${columns})`;
const time = (column: string): string => `to_timestamp(row."${column}" / 1000)`;

/** The first examples stay; those that have turned out to be none go. */
const MERGED_EXAMPLES = `coalesce((select jsonb_agg(each order by place) from (
    select each, place from jsonb_array_elements(t.examples || excluded.examples) with ordinality as kept(each, place)
    order by place limit ${EXAMPLES_KEPT}) first), '[]'::jsonb)`;

/** What a count comes to where one stands already. */
export const ADDED = {
  proof_hours: 'on conflict (connection, hour, class) do update set n = t.n + excluded.n',
  proof_ingress: 'on conflict (deployment, feed, minute, outcome) do update set n = t.n + excluded.n',
  proof_comparison: `on conflict (connection, epoch, basis, day) do update set matched = t.matched + excluded.matched,
    accepted = t.accepted + excluded.accepted, differing = t.differing + excluded.differing,
    missing_candidate = t.missing_candidate + excluded.missing_candidate,
    extra_candidate = t.extra_candidate + excluded.extra_candidate, missing_both = t.missing_both + excluded.missing_both,
    answers_differing = t.answers_differing + excluded.answers_differing,
    destinations_differing = t.destinations_differing + excluded.destinations_differing,
    out_of_order = t.out_of_order + excluded.out_of_order,
    delays = (select array_agg(coalesce(a, 0) + coalesce(b, 0) order by place)
      from unnest(t.delays, excluded.delays) with ordinality as pair(a, b, place)),
    first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at)`,
  proof_differences: `on conflict (connection, epoch, basis, key) do update set n = t.n + excluded.n, pairs = t.pairs + excluded.pairs,
    magnitude = greatest(t.magnitude, excluded.magnitude), examples = ${MERGED_EXAMPLES},
    first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at)`,
  proof_findings: `on conflict (connection, epoch, basis, platform, area, name) do update set n = t.n + excluded.n,
    examples = ${MERGED_EXAMPLES}, first_at = least(t.first_at, excluded.first_at),
    last_at = greatest(t.last_at, excluded.last_at)`,
} as const;

const UPSERT_INPUTS = `
  insert into cutover.proof_inputs (journal, input, state) select $2, row.input, row.state
  from ${rowsOf('input bigint, state text')}
  on conflict (journal, input) do update set state = excluded.state`;
const DELETE_INPUTS = `
  delete from cutover.proof_inputs i using ${rowsOf('input bigint')} where i.journal = $2 and i.input = row.input`;
const UPSERT_OBLIGATIONS = `
  insert into cutover.proof_obligations (journal, input, connection, epoch, at, class, pair, basis, msh10, sha256)
  select $2, row.input, row.connection, row.epoch, ${time('atMs')}, row.class, row.pair, row.basis, row.msh10, decode(row.sha, 'hex')
  from ${rowsOf('input bigint, connection int, epoch int, "atMs" float8, class text, pair text, basis text, msh10 text, sha text')}
  on conflict (journal, input, connection) do update set class = excluded.class, pair = excluded.pair, basis = excluded.basis`;
const DELETE_OBLIGATIONS = `
  delete from cutover.proof_obligations o using ${rowsOf('input bigint, connection int')}
  where o.journal = $2 and o.input = row.input and o.connection = row.connection`;
const INSERT_DELIVERIES = `
  insert into cutover.proof_deliveries (journal, output, connection, input, epoch, platform, at, msh10, sha256)
  select $2, row.output, row.connection, row.input, row.epoch, row.platform, ${time('atMs')}, row.msh10, decode(row.sha, 'hex')
  from ${rowsOf('output bigint, connection int, input bigint, epoch int, platform text, "atMs" float8, msh10 text, sha text')}
  on conflict do nothing`;
const ADD_HOURS = `
  insert into cutover.proof_hours as t (connection, hour, class, n)
  select row.connection, ${time('hourMs')}, row.class, row.n
  from ${rowsOf('connection int, "hourMs" float8, class text, n bigint')} where $2::int is not null
  ${ADDED.proof_hours}`;
const ADD_INGRESS = `
  insert into cutover.proof_ingress as t (deployment, feed, minute, outcome, n)
  select row.deployment, row.feed, ${time('minuteMs')}, row.outcome, row.n
  from ${rowsOf('deployment text, feed text, "minuteMs" float8, outcome text, n bigint')}
  where $2::int is not null
  ${ADDED.proof_ingress}`;
const INSERT_LISTED = `
  insert into cutover.proof_listed (journal, "offset", connection, list, msh10, sha256, about, cause, at)
  select $2, row."offset", row.connection, row.list, row.msh10, decode(row.sha, 'hex'), row.about, row.cause, ${time('atMs')}
  from ${rowsOf('"offset" bigint, connection int, list text, msh10 text, sha text, about bigint, cause text, "atMs" float8')}
  on conflict do nothing`;
const INSERT_DECISIONS = `
  insert into cutover.proof_decisions (journal, id, connection, input, cause, opened_at)
  select $2, row.id, row.connection, row.input, row.cause, ${time('atMs')}
  from ${rowsOf('id text, connection int, input bigint, cause text, "atMs" float8')}
  on conflict do nothing`;
const UPDATE_DECISIONS = `
  update cutover.proof_decisions d set action = row.action, resolved_at = ${time('atMs')}
  from ${rowsOf('id text, action text, "atMs" float8')} where d.journal = $2 and d.id = row.id`;
const INSERT_ROUTES = `
  insert into cutover.proof_routes (journal, connection, epoch, phase, new_weight, forced, at)
  select $2, row.connection, row.epoch, row.phase, row."newWeight", row.forced, ${time('atMs')}
  from ${rowsOf('connection int, epoch int, phase text, "newWeight" int, forced boolean, "atMs" float8')}
  on conflict do nothing`;
const ADD_COMPARISON = `
  insert into cutover.proof_comparison as t (connection, epoch, basis, day, matched, accepted, differing, missing_candidate,
    extra_candidate, missing_both, answers_differing, destinations_differing, out_of_order, delays, first_at, last_at)
  select row.connection, row.epoch, row.basis, row.day, row.matched, row.accepted, row.differing, row."missingCandidate",
    row."extraCandidate", row."missingBoth", row."answersDiffering", row."destinationsDiffering", row."outOfOrder",
    row.delays, ${time('firstAtMs')}, ${time('lastAtMs')}
  from ${rowsOf(`connection int, epoch int, basis text, day date, matched bigint, accepted bigint, differing bigint,
    "missingCandidate" bigint, "extraCandidate" bigint, "missingBoth" bigint, "answersDiffering" bigint,
    "destinationsDiffering" bigint, "outOfOrder" bigint, delays bigint[], "firstAtMs" float8, "lastAtMs" float8`)}
  where $2::int is not null
  ${ADDED.proof_comparison}`;
const ADD_DIFFERENCES = `
  with given as (select * from ${rowsOf(`connection int, epoch int, basis text, key text, path text, kind text, code text, shape text,
      rule text, count bigint, pairs bigint, magnitude float8, examples jsonb, withdrawn jsonb, "firstAtMs" float8,
      "lastAtMs" float8`)} where $2::int is not null),
  cleaned as (
    update cutover.proof_differences d set examples = coalesce((select jsonb_agg(each) from jsonb_array_elements(d.examples) each
      where not given.withdrawn ? (each ->> 'at')), '[]'::jsonb), n = d.n + given.count, pairs = d.pairs + given.pairs
    from given where jsonb_array_length(given.withdrawn) > 0 and d.connection = given.connection and d.epoch = given.epoch
      and d.basis = given.basis and d.key = decode(given.key, 'base64') returning 1)
  insert into cutover.proof_differences as t (connection, epoch, basis, key, path, kind, code, shape, rule, n, pairs, magnitude,
    examples, first_at, last_at)
  select row.connection, row.epoch, row.basis, decode(row.key, 'base64'), row.path, row.kind, row.code, row.shape, row.rule,
    row.count, row.pairs, row.magnitude, row.examples, ${time('firstAtMs')}, ${time('lastAtMs')}
  from given row where jsonb_array_length(row.withdrawn) = 0
  ${ADDED.proof_differences}`;
const ADD_FINDINGS = `
  insert into cutover.proof_findings as t (connection, epoch, basis, platform, area, name, n, examples, first_at, last_at)
  select row.connection, row.epoch, row.basis, row.platform, row.area, row.name, row.count, row.examples,
    ${time('firstAtMs')}, ${time('lastAtMs')}
  from ${rowsOf(`connection int, epoch int, basis text, platform text, area text, name text, count bigint, examples jsonb,
    "firstAtMs" float8, "lastAtMs" float8`)} where $2::int is not null
  ${ADDED.proof_findings}`;
const ADD_HIDDEN = `
  with given as (select row.* from ${rowsOf('deployment text, rule text, pair text, n bigint')} where $2::int is not null),
  room as (select rule, ${HIDDEN_KEPT} - (select count(*) from cutover.proof_hidden h
      where h.deployment = given.deployment and h.rule = given.rule) as free
    from (select distinct deployment, rule from given) given),
  ranked as (select given.*, row_number() over (partition by rule order by pair) as place from given)
  insert into cutover.proof_hidden as t (deployment, rule, pair, n)
  select ranked.deployment, ranked.rule, decode(ranked.pair, 'hex'), ranked.n from ranked join room using (rule)
  where ranked.place <= room.free or exists (select from cutover.proof_hidden h where h.deployment = ranked.deployment
    and h.rule = ranked.rule and h.pair = decode(ranked.pair, 'hex'))
  on conflict (deployment, rule, pair) do update set n = t.n + excluded.n`;
const PUT_HEADS = `
  insert into cutover.proof_order_heads (journal, connection, key, control, candidate)
  select $2, row.connection, decode(row.key, 'base64'), row.control, row.candidate
  from ${rowsOf('connection int, key text, control bigint, candidate bigint')}
  on conflict (connection, key) do update set journal = excluded.journal, control = excluded.control,
    candidate = excluded.candidate`;
const INSERT_ORDERS = `
  insert into cutover.proof_orders (journal, connection, number, output, kind, status, platform, epoch, at, msh10, sha256)
  select $2, row.connection, decode(row.number, 'hex'), row.output, row.kind, row.status, row.platform, row.epoch,
    ${time('atMs')}, row.msh10, decode(row.sha, 'hex')
  from ${rowsOf(`connection int, number text, output bigint, kind text, status text, platform text, epoch int, "atMs" float8,
    msh10 text, sha text`)}
  on conflict do nothing`;
const MOVE_INSPECTIONS = `
  update cutover.proof_inspections i set done = row.done from ${rowsOf('connection int, done bigint')}
  where i.journal = $2 and i.connection = row.connection`;
