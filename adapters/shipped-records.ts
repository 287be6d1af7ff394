/** Reads the records that gateways have shipped, in the order of their journal. */
import { z } from 'zod';
import type { Postgres } from './postgres.ts';

export type ShippedRow = {
  readonly offset: number;
  readonly meta: string;
  readonly payload: Buffer | null;
};

const BATCH_RECORDS = 2_000;
const BATCH_BYTES = 16 * 1024 * 1024;

const count = z.coerce.number();
const sizeRow = z.object({ offset: count, size: count });
const shippedRow = z.object({ offset: count, meta: z.string(), payload: z.instanceof(Buffer).nullable() });

/** The next after `from`; as many as a batch may hold, and at least one where there is one. */
export async function recordsAfter(
  postgres: Postgres,
  journal: number,
  from: number,
  upTo: number,
): Promise<readonly ShippedRow[]> {
  const { rows: sizes } = await postgres.query(
    `select "offset", coalesce(octet_length(payload), 0) as size from cutover.records
     where journal = $1 and "offset" > $2 and "offset" <= $3 order by "offset" limit ${BATCH_RECORDS}`,
    [journal, from, upTo],
  );
  let bytes = 0;
  let last: number | null = null;
  for (const { offset, size } of z.array(sizeRow).parse(sizes)) {
    bytes += size;
    if (last !== null && bytes > BATCH_BYTES) break;
    last = offset;
  }
  return last === null ? [] : select(postgres, 'and "offset" > $2 and "offset" <= $3', [journal, from, last]);
}

/** These, where they are still there. */
export function recordsAt(
  postgres: Postgres,
  journal: number,
  offsets: readonly number[],
): Promise<readonly ShippedRow[]> {
  if (offsets.length === 0) return Promise.resolve([]);
  return select(postgres, 'and "offset" = any($2)', [journal, offsets]);
}

/** Everything up to a position that is about one of these inputs or outputs. */
export function recordsAbout(
  postgres: Postgres,
  journal: number,
  refs: readonly number[],
  upTo: number,
): Promise<readonly ShippedRow[]> {
  if (refs.length === 0) return Promise.resolve([]);
  return select(postgres, 'and (ref = any($2) or "offset" = any($2)) and "offset" <= $3', [journal, refs, upTo]);
}

async function select(
  postgres: Postgres,
  condition: string,
  values: readonly unknown[],
): Promise<readonly ShippedRow[]> {
  const { rows } = await postgres.query(
    `select "offset", meta, payload from cutover.records where journal = $1 ${condition} order by "offset"`,
    values,
  );
  return z.array(shippedRow).parse(rows);
}
