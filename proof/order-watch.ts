/**
 * Order per key: the candidate must send the outputs of one key (a patient, or the connection's weight key) in the order
 * in which the control sent them. The newest couple of each key is remembered, in the store too.
 */
import { createHash } from 'node:crypto';
import type { OrderHead } from '../adapters/proof-batch.ts';
import { keyOf } from '../core/hl7/message.ts';
import { Newest } from '../core/newest.ts';
import { type Estate, servedBy } from './estate.ts';
import type { KnownOutput } from './open-input.ts';

const KEYS_LIMIT = 200_000;
const DIGEST_BYTES = 12;

export class OrderWatch {
  readonly #estate: Estate;
  readonly #heads = new Newest<string, OrderHead>(KEYS_LIMIT);
  #changed = new Map<string, OrderHead>();

  constructor(estate: Estate, heads: readonly OrderHead[]) {
    this.#estate = estate;
    for (const head of heads) this.#heads.set(`${head.connection}\n${head.key}`, head);
  }

  /** Null: the message has no key, and no order to keep. */
  keyOf(connection: string, payload: Uint8Array): string | null {
    const key = keyOf(payload, servedBy(this.#estate, connection).orderKey);
    if (key === null) return null;
    return createHash('sha256').update(key, 'latin1').digest().subarray(0, DIGEST_BYTES).toString('base64');
  }

  /** Notes the couple; true where it stands the other way round than the newest of its key. */
  isOutOfOrder(connection: string, key: string | null, control: KnownOutput, candidate: KnownOutput): boolean {
    if (key === null) return false;
    const place = `${connection}\n${key}`;
    const last = this.#heads.get(place);
    const head = { connection, key, control: control.offset, candidate: candidate.offset };
    const isLater = last === undefined || head.control > last.control;
    if (isLater) {
      this.#heads.set(place, head);
      this.#changed.set(place, head);
    }
    return last !== undefined && isLater !== head.candidate > last.candidate;
  }

  /** What has changed since the last call. */
  takeChanged(): readonly OrderHead[] {
    const changed = [...this.#changed.values()];
    this.#changed = new Map();
    return changed;
  }
}
