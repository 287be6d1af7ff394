/** Everything that the war room looks at: inventory, stack file, gateways, proof store, approvals. Each may be away. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import { Postgres } from '../adapters/postgres.ts';
import { hasTable, readPauses } from '../adapters/report-store.ts';
import { readStackFile } from '../adapters/stack-file.ts';
import type { ConnectionStatus, OpenDecision } from '../core/admin-api.ts';
import { readApprovalDocument } from '../core/approval-document.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Comparison } from '../core/war-room/board.ts';
import type { ApprovalLine, Pause, TimelineEntry } from '../core/war-room/feed.ts';

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

export function clientsOf(inventory: Inventory, env: NodeJS.ProcessEnv): GatewayClient[] {
  return inventory.gateways.map(({ shard, admin }) => new GatewayClient({ shard, admin, env }));
}

export async function readGateway(client: GatewayClient): Promise<Read<ReadonlyMap<string, ConnectionStatus>>> {
  const result = await client.connections();
  if (!result.ok) return { ok: false, message: result.error.message };
  return { ok: true, value: new Map(result.value.map((status) => [status.name, status])) };
}

export async function readOpenDecisions(client: GatewayClient): Promise<readonly OpenDecision[]> {
  const result = await client.decisions();
  return result.ok ? result.value.filter(({ resolved }) => resolved === null) : [];
}

/** Null: its history could not be read. */
export async function readTimeline(client: GatewayClient, connection: string): Promise<TimelineEntry[] | null> {
  const result = await client.epochs(connection);
  if (!result.ok) return null;
  return result.value.map(({ at, epoch, phase, newWeight, by, origin, reason, forced }) => ({
    atMs: Date.parse(at),
    connection,
    epoch,
    phase,
    newWeight,
    by,
    origin,
    reason,
    forced,
  }));
}

/** Connection → epoch in the stack file. */
export async function readConfiguredEpochs(file: string): Promise<ReadonlyMap<string, number>> {
  const read = await readStackFile(file);
  return new Map(read.ok ? Object.entries(read.value.config.routes).map(([name, { epoch }]) => [name, epoch]) : []);
}

export async function readApprovalLines(folder: string): Promise<ApprovalLine[]> {
  const names = await readdir(folder).catch(() => []);
  const lines = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
      .map(async (name): Promise<ApprovalLine[]> => {
        const read = readApprovalDocument(await readFile(join(folder, name), 'utf8').catch(() => ''));
        if (!read.ok) return [];
        const { target, connections, notBefore, notAfter } = read.document;
        return [{ digest: read.digest, target, connections: connections.length, notBefore, notAfter }];
      }),
  );
  return lines.flat().sort((a, b) => (a.notAfter < b.notAfter ? 1 : -1));
}

type ComparisonRow = { name: string; pairs: string; matched: string; accepted: string; open: string };

/** The newest epoch of each connection, and the pauses since a moment. @throws PostgresFailure */
export class ProofReader {
  readonly #postgres: Postgres;
  readonly #deployment: string;

  private constructor(postgres: Postgres, deployment: string) {
    this.#postgres = postgres;
    this.#deployment = deployment;
  }

  static async open(url: string, deployment: string): Promise<ProofReader> {
    return new ProofReader(
      await Postgres.open({
        url,
        applicationName: 'cutover-dashboard',
        connectLimitMs: 3_000,
        statementLimitMs: 10_000,
      }),
      deployment,
    );
  }

  close(): Promise<void> {
    return this.#postgres.close();
  }

  async comparisons(): Promise<ReadonlyMap<string, Comparison>> {
    if (!(await hasTable(this.#postgres, 'proof_comparison'))) return new Map();
    const { rows } = await this.#postgres.query<ComparisonRow>(
      `select c.name, sum(d.matched + d.accepted + d.differing) as pairs, sum(d.matched) as matched, sum(d.accepted) as accepted,
         sum(d.differing + d.missing_candidate + d.extra_candidate) as open
       from cutover.proof_comparison d join cutover.proof_connections c on c.id = d.connection
       where c.deployment = $1 and d.epoch = (select max(e.epoch) from cutover.proof_comparison e where e.connection = d.connection)
       group by c.name`,
      [this.#deployment],
    );
    return new Map(
      rows.map(({ name, pairs, matched, accepted, open }) => [
        name,
        { pairs: Number(pairs), matched: Number(matched), accepted: Number(accepted), open: Number(open) },
      ]),
    );
  }

  async pausesSince(sinceMs: number): Promise<readonly Pause[]> {
    return readPauses(this.#postgres, this.#deployment, sinceMs);
  }
}
