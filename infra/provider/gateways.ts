/** The gateways that one Pulumi run talks to: a client each, and its identity asked once. */
import { type Environment, GatewayClient, type GatewayResult } from '../../adapters/gateway-admin.ts';
import type { ConnectionStatus, Info } from '../../core/admin-api.ts';
import { type Outcome, refused, refusedBy } from './outcome.ts';

/**
 * Hundreds of routes are judged in one look at their gateway. What it says may be this old: a move names the epoch that it
 * expects, so that a gateway that has gone on refuses it.
 */
const LOOK_MS = 500;

type Look = {
  readonly askedAtMs: number;
  readonly statuses: Promise<GatewayResult<ReadonlyMap<string, ConnectionStatus>>>;
};
type ExpectedGateway = { readonly admin: string; readonly shard: number; readonly deployment: string };

export class Gateways {
  readonly #env: Environment;
  readonly #clients = new Map<string, GatewayClient>();
  readonly #looks = new Map<GatewayClient, Look>();
  readonly #identities = new Map<string, Promise<Outcome<Info>>>();

  constructor(env: Environment) {
    this.#env = env;
  }

  client({ admin, shard }: Pick<ExpectedGateway, 'admin' | 'shard'>): GatewayClient {
    const key = `${shard} ${admin}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const client = new GatewayClient({ admin, shard, env: this.#env });
    this.#clients.set(key, client);
    return client;
  }

  /** The gateway at this address, if it is the expected one; asked once in the life of the provider. */
  async identify(expected: ExpectedGateway): Promise<Outcome<Info>> {
    const key = `${expected.shard} ${expected.deployment} ${expected.admin}`;
    const asked = this.#identities.get(key) ?? this.#ask(expected);
    this.#identities.set(key, asked);
    const outcome = await asked;
    if (!outcome.ok) this.#identities.delete(key);
    return outcome;
  }

  /** How one connection stood at most `LOOK_MS` ago. */
  async status(
    gateway: Pick<ExpectedGateway, 'admin' | 'shard'>,
    name: string,
  ): Promise<GatewayResult<ConnectionStatus>> {
    const client = this.client(gateway);
    const read = await this.#look(client);
    if (!read.ok) return read;
    const status = read.value.get(name);
    return status === undefined ? client.connection(name) : { ok: true, value: status };
  }

  #look(client: GatewayClient): Look['statuses'] {
    const nowMs = performance.now();
    const last = this.#looks.get(client);
    if (last !== undefined && nowMs - last.askedAtMs < LOOK_MS) return last.statuses;
    const statuses = client.connections().then((read): Awaited<Look['statuses']> => {
      if (!read.ok) return read;
      return { ok: true, value: new Map(read.value.map((status) => [status.name, status])) };
    });
    this.#looks.set(client, { askedAtMs: nowMs, statuses });
    return statuses;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  async #ask(expected: ExpectedGateway): Promise<Outcome<Info>> {
    const about = `gateway of shard ${expected.shard}`;
    const answer = await this.client(expected).info();
    if (!answer.ok) return refusedBy(null, answer);
    const { deployment, shard } = answer.value;
    if (deployment === expected.deployment && shard === expected.shard) return { ok: true, value: answer.value };
    const found = `deployment ${deployment}, shard ${shard}`;
    const message = `${about}: at ${expected.admin} is ${found}; the inventory expects deployment ${expected.deployment}`;
    return refused(`${message}, shard ${expected.shard}`, ['correct `gateways` in the inventory']);
  }
}
