/** The gateways of a rehearsal, one a shard: real processes, and their admin APIs asked as one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayClient } from '../adapters/gateway-admin.ts';
import type { ConnectionStatus, ListEntry, ListName, OpenDecision } from '../core/admin-api.ts';
import type { Estate } from './estate.ts';
import { GatewayProcess } from './gateway-process.ts';
import { type Folders, gatewayFolder } from './project.ts';

type Member = { readonly shard: number; readonly process: GatewayProcess; readonly client: GatewayClient };
export type Asked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

export class Gateways {
  readonly #members: readonly Member[];
  /** Of all gateways; the tokens come with their births. */
  readonly #credentials: Record<string, string> = {};
  readonly #shardOf: ReadonlyMap<string, number>;
  readonly #folders: Folders;

  /** `env`: of the gateways. Nothing is started. */
  constructor(folders: Folders, { adminPorts, connections }: Estate, env: NodeJS.ProcessEnv, signal: AbortSignal) {
    this.#folders = folders;
    this.#shardOf = new Map(connections.map(({ name, shard }) => [name, shard]));
    this.#members = adminPorts.map((port, shard) => {
      const process = new GatewayProcess(folders, { shard, adminPort: port, env }, signal);
      const client = new GatewayClient({ admin: `https://127.0.0.1:${port}`, shard, env: this.#credentials });
      return { shard, process, client };
    });
  }

  get count(): number {
    return this.#members.length;
  }

  /** Answers with the number of connections that they serve together. */
  async start(): Promise<number> {
    const served = await Promise.all(
      this.#members.map(async ({ shard, process }) => {
        await process.init();
        const data = gatewayFolder(this.#folders, shard);
        this.#credentials[`CUTOVER_ADMIN_TOKEN_${shard}`] = readFileSync(join(data, 'admin.token'), 'utf8').trim();
        this.#credentials[`CUTOVER_ADMIN_CA_${shard}`] = join(data, 'admin.crt');
        return process.start();
      }),
    );
    return served.reduce((sum, count) => sum + count, 0);
  }

  /** For the verbs: of each shard its own. */
  credentials(): NodeJS.ProcessEnv {
    return { ...this.#credentials };
  }

  process(shard: number): GatewayProcess {
    return this.#member(shard).process;
  }

  /** Every connection of every gateway. */
  async connections(): Promise<Asked<readonly ConnectionStatus[]>> {
    return this.#all((client) => client.connections());
  }

  async decisions(): Promise<Asked<readonly OpenDecision[]>> {
    return this.#all((client) => client.decisions());
  }

  async list(name: string, list: ListName): Promise<Asked<readonly ListEntry[]>> {
    const read = await this.#member(this.#shardOf.get(name) ?? 0).client.list(name, list);
    return read.ok ? { ok: true, value: read.value.entries } : { ok: false, message: read.error.message };
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map(({ process }) => process.end()));
    await Promise.all(this.#members.map(({ client }) => client.close()));
  }

  async #all<T>(
    ask: (
      client: GatewayClient,
    ) => Promise<{ ok: true; value: readonly T[] } | { ok: false; error: { message: string } }>,
  ): Promise<Asked<readonly T[]>> {
    const values: T[] = [];
    for (const answer of await Promise.all(this.#members.map(({ client }) => ask(client)))) {
      if (!answer.ok) return { ok: false, message: answer.error.message };
      values.push(...answer.value);
    }
    return { ok: true, value: values };
  }

  #member(shard: number): Member {
    const found = this.#members[shard];
    if (found === undefined) throw new RangeError(`there is no gateway of shard ${shard}`);
    return found;
  }
}
