/**
 * A proof file: one line for the whole, then one line for each obligation with the digests of its input and of what was
 * delivered for it. Canonical JSON a line; the Merkle root over the lines, and last over what the head says of them (whose, which
 * connections, which window), is in the evidence. Digests only: it proves what was, and shows nothing.
 */

import { z } from 'zod';
import { canonicalJson } from '../canonical-json.ts';
import { counted } from '../count-words.ts';
import { OBLIGATION_CLASSES } from '../proof-results.ts';
import { MerkleTree } from './merkle.ts';

const hex = z.string().regex(/^[0-9a-f]{64}$/);

/** 2: the root covers the head too, so that no file of one window or deployment passes for one of another. */
export const PROOF_FORMAT = 'cutover-proof-2';

export const proofHeadSchema = z.strictObject({
  format: z.literal(PROOF_FORMAT),
  deployment: z.string(),
  since: z.string(),
  until: z.string(),
  connections: z.array(z.string()),
  messages: z.int().min(0),
  root: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});
export type ProofHead = z.output<typeof proofHeadSchema>;

/** The head of these lines: its own words are the last leaf of the tree. */
export function sealProof(tree: MerkleTree, about: Omit<ProofHead, 'format' | 'messages' | 'root'>): ProofHead {
  const { deployment, since, until, connections } = about;
  const words = { format: PROOF_FORMAT, deployment, since, until, connections, messages: tree.count } as const;
  tree.add(canonicalJson(words));
  return { ...words, root: tree.root() };
}

export const proofLineSchema = z.strictObject({
  connection: z.string(),
  at: z.string().describe('shard/incarnation/offset of the input'),
  msh10: z.string(),
  sha256: hex.describe('of the input'),
  class: z.enum(OBLIGATION_CLASSES),
  delivered: z.array(hex).describe('of what the destination answered positively, in order'),
});
export type ProofLine = z.output<typeof proofLineSchema>;

export function proofLineText(line: ProofLine): string {
  return canonicalJson(line);
}

export type Verified =
  | { readonly ok: true; readonly head: ProofHead; readonly classes: ReadonlyMap<string, number> }
  | { readonly ok: false; readonly line: number; readonly message: string };

/** Reads it line by line; needs nothing but the lines, and the root where somebody kept it elsewhere. */
export async function verifyProof(lines: AsyncIterable<string>, expectedRoot: string | null): Promise<Verified> {
  const tree = new MerkleTree();
  const classes = new Map<string, number>();
  let head: ProofHead | null = null;
  let number = 0;
  for await (const text of lines) {
    number++;
    if (number === 1) {
      const read = parsed(text, proofHeadSchema);
      if (read === null) return { ok: false, line: 1, message: 'its first line is no head of a proof file' };
      head = read;
      continue;
    }
    const line = parsed(text, proofLineSchema);
    if (line !== null && head !== null && !head.connections.includes(line.connection)) {
      return { ok: false, line: number, message: `it is of ${line.connection}, which the head does not name` };
    }
    if (line === null) return { ok: false, line: number, message: 'this line is not as it was written' };
    tree.add(text);
    classes.set(line.class, (classes.get(line.class) ?? 0) + 1);
  }
  if (head === null) return { ok: false, line: 0, message: 'it is empty' };
  if (tree.count !== head.messages) {
    const message = `it has ${counted(tree.count, 'message')}, and its head says ${head.messages}: lines were added or removed`;
    return { ok: false, line: number, message };
  }
  const { root } = sealProof(tree, head);
  if (root !== head.root) {
    return {
      ok: false,
      line: number,
      message: `its head and lines have the root ${root}, and its head says ${head.root}: it was changed`,
    };
  }
  if (expectedRoot !== null && expectedRoot !== head.root) {
    return {
      ok: false,
      line: 1,
      message: `its root is ${head.root}, and ${expectedRoot} was expected: it is another file`,
    };
  }
  return { ok: true, head, classes };
}

/** Null for what is no such line, or not in its one canonical form. */
function parsed<T extends z.ZodType>(text: string, schema: T): z.output<T> | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const read = schema.safeParse(json);
  const canonical = read.success ? z.json().safeParse(read.data) : null;
  return read.success && canonical?.success === true && canonicalJson(canonical.data) === text ? read.data : null;
}
