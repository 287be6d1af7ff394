/** Writes and reads proof files as streams, so that a million messages take no memory. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { canonicalJson } from '../core/canonical-json.ts';
import { OBLIGATION_CLASSES } from '../core/proof-results.ts';
import { MerkleTree } from '../core/reconcile/merkle.ts';
import { type ProofHead, proofLineText, sealProof, type Verified, verifyProof } from '../core/reconcile/proof-file.ts';
import type { Postgres } from './postgres.ts';
import type { Window } from './proof-store.ts';

const ROWS_AT_ONCE = 20_000;
const count = z.coerce.number();
const row = z.object({
  connection: z.string(),
  number: z.int(),
  shard: z.int(),
  incarnation: z.string(),
  journal: z.int(),
  input: count,
  msh10: z.string(),
  sha: z.string(),
  class: z.enum(OBLIGATION_CLASSES),
  delivered: z.array(z.string()),
});

const PAGE = `
  select c.name as connection, o.connection as number, j.shard, j.incarnation, o.journal, o.input, o.msh10,
    encode(o.sha256, 'hex') as sha, o.class,
    array(select encode(d.sha256, 'hex') from cutover.proof_deliveries d
      where d.journal = o.journal and d.input = o.input and d.connection = o.connection order by d.output) as delivered
  from cutover.proof_obligations o
  join cutover.proof_connections c on c.id = o.connection join cutover.journals j on j.id = o.journal
  where c.deployment = $1 and c.name = any($2) and o.at >= $3 and o.at < $4
    and (o.journal, o.input, o.connection) > ($5::int, $6::bigint, $7::int)
  order by o.journal, o.input, o.connection limit ${ROWS_AT_ONCE}`;

/** The same rows give the same bytes. Written beside, then renamed: a file of this name is whole. */
export async function writeProofFile(
  file: string,
  postgres: Postgres,
  about: Pick<ProofHead, 'deployment' | 'connections'> & Window,
): Promise<ProofHead> {
  const { deployment, connections, sinceMs, untilMs } = about;
  const times = [new Date(sinceMs), new Date(untilMs)];
  const bodyFile = `${file}.lines`;
  const tree = new MerkleTree();
  const body = await open(bodyFile, 'w', 0o644);
  try {
    let after: readonly [number, number, number] = [0, 0, 0];
    for (;;) {
      const { rows } = await postgres.query(PAGE, [deployment, connections, ...times, ...after]);
      const page = z.array(row).parse(rows);
      const last = page.at(-1);
      if (last === undefined) break;
      const lines = page.map(({ connection, shard, incarnation, input, msh10, sha: sha256, class: one, delivered }) =>
        proofLineText({ connection, at: `${shard}/${incarnation}/${input}`, msh10, sha256, class: one, delivered }),
      );
      for (const line of lines) tree.add(line);
      await body.write(`${lines.join('\n')}\n`);
      after = [last.journal, last.input, last.number];
    }
  } finally {
    await body.close();
  }
  const head = sealProof(tree, {
    deployment,
    since: new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    connections: [...connections].sort(),
  });
  await assemble(file, bodyFile, canonicalJson(head));
  return head;
}

async function assemble(file: string, bodyFile: string, head: string): Promise<void> {
  const beside = `${file}.part`;
  const target = await open(beside, 'w', 0o644);
  try {
    await target.write(`${head}\n`);
    for await (const chunk of createReadStream(bodyFile, { highWaterMark: 1024 * 1024 })) await target.write(chunk);
    await target.sync();
  } finally {
    await target.close();
    await rm(bodyFile, { force: true });
  }
  await rename(beside, file);
}

/** Throws what the file system throws. */
export function verifyProofFile(file: string, expectedRoot: string | null): Promise<Verified> {
  return verifyProof(linesOf(createReadStream(file, { highWaterMark: 1024 * 1024 })), expectedRoot);
}

const LINE_FEED = 0x0a;
/** What stands for a line that is no text: read with a substitute, it could be the line that it was. */
const NO_TEXT = '\0';

/** Lines end in LF and nothing else; a last one without it is a line too. */
async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<string, void, void> {
  let rest: Buffer[] = [];
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const bytes = chunk.subarray(start, end);
      yield textOf(rest.length === 0 ? bytes : Buffer.concat([...rest, bytes]));
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield textOf(Buffer.concat(rest));
}

function textOf(line: Buffer): string {
  return isUtf8(line) ? line.toString('utf8') : NO_TEXT;
}
