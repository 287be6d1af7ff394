/**
 * `node bench/compare-standing.ts`: how long it takes to say whether 250 connections match, with a million pairs each, from
 * what the worker keeps: thirty days, twenty groups of differences and a hundred features of each platform a connection.
 */
import pg from 'pg';
import { startPostgres } from '../adapters/postgres-harness.ts';
import { ProofStore } from '../adapters/proof-store.ts';
import { COVERAGE_AREA } from '../core/compare/inspect.ts';
import { DEFAULT_THRESHOLDS, judgeConnection } from '../core/compare/judgement.ts';
import { shapesOf } from '../core/compare/shapes.ts';
import { judgeWorker } from '../core/compare/worker-doubts.ts';
import { GOOD } from '../core/inventory.example.ts';
import { parseInventory } from '../core/inventory.ts';
import { NO_RULES } from '../core/rules/compiled.ts';

const CONNECTIONS = 250;
const DAYS = 30;
const PAIRS = 1_000_000;
const DEPLOYMENT = 'lab-bench-1';

const FILL = `
  insert into cutover.proof_connections (deployment, name) select '${DEPLOYMENT}', 'connection-' || n from generate_series(1, ${CONNECTIONS}) n;
  insert into cutover.proof_comparison select c.id, 2, '${NO_RULES.digest}', date '2026-03-01' + d, ${PAIRS / DAYS}, 0, 0, 0, 0, 0, 0, 0, 0,
    array[0,0,${PAIRS / DAYS},0,0,0,0,0,0,0,0], now(), now() from cutover.proof_connections c, generate_series(0, ${DAYS - 1}) d;
  insert into cutover.proof_differences (connection, epoch, basis, key, path, kind, code, shape, rule, n, pairs, magnitude, examples, first_at, last_at)
    select c.id, 2, '${NO_RULES.digest}', sha256(g::text::bytea), 'OBX-' || g, 'value', null, '9 against 9', 'rule@00000000', 1000, 1000, null, '[]', now(), now()
    from cutover.proof_connections c, generate_series(1, 20) g;
  insert into cutover.proof_findings select c.id, e, '${NO_RULES.digest}', p, '${COVERAGE_AREA}', 'field OBX-' || f, 1000, '[]', now(), now()
    from cutover.proof_connections c, generate_series(1, 2) e, unnest(array['legacy', 'new']) p, generate_series(1, 100) f;
  insert into cutover.proof_routes (connection, epoch, journal, phase, new_weight, forced, at)
    select c.id, e, 1, case e when 1 then 'legacy' else 'parallel' end, 0, false, now() from cutover.proof_connections c, generate_series(1, 2) e;`;

const inventory = parseInventory(GOOD, 'example');
const [connection] = inventory.ok ? inventory.value.connections : [];
if (connection === undefined) throw new Error('the example has a connection');
const database = await startPostgres();
try {
  const store = await ProofStore.open(DEPLOYMENT, { url: database.url });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(FILL);
  await client.end();
  const before = performance.now();
  const state = await store.readWorkerState();
  const days = await store.readComparison();
  const groups = await store.readDifferences(null, 200);
  const coverage = await store.readNames(COVERAGE_AREA);
  const routes = await store.readRoutes();
  const by = <T extends { readonly connection: string }>(rows: readonly T[]) =>
    Map.groupBy(rows, (row) => row.connection);
  const indexed = { days: by(days), groups: by(groups), coverage: by(coverage), routes: by(routes) };
  const doubts = judgeWorker(state).reasons;
  const judged = [...indexed.days.keys()].map((name) =>
    judgeConnection(
      {
        connection: { ...connection, name },
        rules: NO_RULES,
        contract: null,
        days: indexed.days.get(name) ?? [],
        groups: indexed.groups.get(name) ?? [],
        coverage: indexed.coverage.get(name) ?? [],
        history: new Set(),
        breaches: [],
        routes: indexed.routes.get(name) ?? [],
        live: { phase: 'parallel', epoch: 2 },
        doubts,
      },
      DEFAULT_THRESHOLDS,
    ),
  );
  const shapes = shapesOf(judged).length;
  const wallMs = Math.round(performance.now() - before);
  const pairs = judged.reduce((sum, each) => sum + each.pairs, 0);
  process.stdout.write(
    `${JSON.stringify({ connections: judged.length, pairs, shapes, rows: coverage.length, wallMs })}\n`,
  );
  await store.close();
} finally {
  await database.remove();
}
