/**
 * Outputs as gateways have shipped them, with their bytes: what a comparison rests on. Patient data: whoever reads here
 * keeps it in memory, and shows it only where a person has asked to see it and said why.
 */
import { z } from 'zod';
import { PLATFORMS } from '../core/platform.ts';
import { Postgres } from './postgres.ts';
import { shippedOnce } from './shipped-once.ts';

const pairRow = z.object({
  shard: z.int(),
  control_offset: z.coerce.number(),
  control_platform: z.enum(PLATFORMS),
  control: z.instanceof(Uint8Array),
  candidate: z.instanceof(Uint8Array),
});
export type RecordedPair = {
  /** `shard/offset` of the control's output, as ids of messages have it. */
  readonly at: string;
  readonly controlPlatform: (typeof PLATFORMS)[number];
  readonly control: Uint8Array;
  readonly candidate: Uint8Array;
};

const PAIRS = `
  select j.shard, c."offset" as control_offset, c.platform as control_platform, c.payload as control, k.payload as candidate
  from cutover.journals j
  join cutover.records c on c.journal = j.id and c.type = 'output' and c.connection = $2 and c.ref is not null
    and c.payload is not null and c.meta::json ->> 'role' = 'deliver'
  join cutover.records k on k.journal = c.journal and k.ref = c.ref and k.type = 'output' and k.connection = c.connection
    and k.platform <> c.platform and k.payload is not null and k.meta::json ->> 'role' = 'capture'
  where j.deployment = $1 and ${shippedOnce('j', 'c."offset"')}`;

const tripleRow = z.object({
  input: z.instanceof(Uint8Array),
  legacy: z.instanceof(Uint8Array).nullable(),
  new: z.instanceof(Uint8Array).nullable(),
});
/** One input with what each platform made of it; null: nothing, or its bytes are purged. */
export type RecordedTriple = z.output<typeof tripleRow>;

const TRIPLES = `
  select i.payload as input, (array_agg(o.payload) filter (where o.platform = 'legacy'))[1] as legacy,
    (array_agg(o.payload) filter (where o.platform = 'new'))[1] as new
  from cutover.journals j
  join cutover.records o on o.journal = j.id and o.type = 'output' and o.connection = $2 and o.ref is not null
  join cutover.records i on i.journal = o.journal and i."offset" = o.ref and i.type = 'input' and i.payload is not null
  where j.deployment = $1 and ${shippedOnce('j', 'i."offset"')}
  group by i.journal, i."offset", i.payload order by i.journal desc, i."offset" desc limit $3`;

export class RecordedPairs {
  readonly #postgres: Postgres;
  readonly #deployment: string;

  private constructor(postgres: Postgres, deployment: string) {
    this.#postgres = postgres;
    this.#deployment = deployment;
  }

  /** @throws PostgresFailure */
  static async open(deployment: string, url: string): Promise<RecordedPairs> {
    return new RecordedPairs(await Postgres.open({ applicationName: 'cutover-pairs', url }), deployment);
  }

  close(): Promise<void> {
    return this.#postgres.close();
  }

  /** The newest pairs of a connection; those whose payloads were purged are not among them. */
  newest(connection: string, limit: number): Promise<readonly RecordedPair[]> {
    return this.#read(`${PAIRS} order by c.journal desc, c."offset" desc limit $3`, [connection, limit]);
  }

  /** The pair of the control's output `at` (`shard/offset`), or null. */
  async at(connection: string, at: string): Promise<RecordedPair | null> {
    const [, shard, offset] = /^(\d+)\/(\d+)$/.exec(at) ?? [];
    if (shard === undefined || offset === undefined) return null;
    const pairs = await this.#read(`${PAIRS} and j.shard = $3 and c."offset" = $4 limit 1`, [
      connection,
      shard,
      offset,
    ]);
    return pairs[0] ?? null;
  }

  /** The newest inputs of a connection, each with one output a platform. */
  async triples(connection: string, limit: number): Promise<readonly RecordedTriple[]> {
    const { rows } = await this.#postgres.query(TRIPLES, [this.#deployment, connection, limit]);
    return z.array(tripleRow).parse(rows);
  }

  async #read(text: string, values: readonly unknown[]): Promise<readonly RecordedPair[]> {
    const { rows } = await this.#postgres.query(text, [this.#deployment, ...values]);
    return z
      .array(pairRow)
      .parse(rows)
      .map(({ shard, control_offset, control_platform, control, candidate }) => ({
        at: `${shard}/${control_offset}`,
        controlPlatform: control_platform,
        control,
        candidate,
      }));
  }
}
