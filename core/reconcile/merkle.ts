/**
 * A Merkle tree over lines, as RFC 6962 (section 2.1) builds it: leaves and nodes are hashed apart, so that no node can be
 * passed off as a leaf. Built as the lines come, with one hash a level in memory.
 */
import { createHash } from 'node:crypto';

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

type Peak = { readonly size: number; readonly hash: Buffer };

export class MerkleTree {
  /** Roots of the complete subtrees so far, the largest first; sizes are powers of two. */
  readonly #peaks: Peak[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(line: string): void {
    this.#count++;
    let peak: Peak = { size: 1, hash: createHash('sha256').update(LEAF).update(line, 'utf8').digest() };
    for (let last = this.#peaks.at(-1); last?.size === peak.size; last = this.#peaks.at(-1)) {
      this.#peaks.pop();
      peak = { size: peak.size * 2, hash: nodeOf(last.hash, peak.hash) };
    }
    this.#peaks.push(peak);
  }

  /** `sha256:` and 64 hex digits; of no line: the hash of nothing. */
  root(): string {
    const hash = this.#peaks.map((peak) => peak.hash).reduceRight((right, left) => nodeOf(left, right), EMPTY);
    return `sha256:${(this.#peaks.length === 0 ? createHash('sha256').digest() : hash).toString('hex')}`;
  }
}

/** Marks the start of the fold: the last peak stands for itself. */
const EMPTY = Buffer.alloc(0);

function nodeOf(left: Buffer, right: Buffer): Buffer {
  if (right.length === 0) return left;
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}
