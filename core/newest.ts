/**
 * The newest entries of a map, at least half of so many: it forgets by halves. To delete the oldest entry of a `Map` one
 * by one costs a walk over all that were deleted before.
 */
import { LazyMap } from './lazy-collections.ts';
export class Newest<K, V> {
  readonly #halfLimit: number;
  #recent = new LazyMap<K, V>();
  #former = new LazyMap<K, V>();

  /** `limit`: it never holds more than this. */
  constructor(limit: number) {
    this.#halfLimit = Math.ceil(limit / 2);
  }

  get size(): number {
    return this.#recent.size + this.#former.size;
  }

  get(key: K): V | undefined {
    if (this.size === 0) return undefined;
    return this.#recent.get(key) ?? this.#former.get(key);
  }

  has(key: K): boolean {
    // Most are empty, and to look into an empty map costs nearly as much as into a full one.
    if (this.size === 0) return false;
    return this.#recent.has(key) || (this.#former.size > 0 && this.#former.has(key));
  }

  /** Whatever had the key is replaced, and it is the newest now. */
  set(key: K, value: V): void {
    this.delete(key);
    this.#recent.set(key, value);
    if (this.#recent.size < this.#halfLimit) return;
    this.#former = this.#recent;
    this.#recent = new LazyMap();
  }

  delete(key: K): void {
    if (this.#former.size > 0) this.#former.delete(key);
    if (this.#recent.size > 0) this.#recent.delete(key);
  }

  /** Oldest first. */
  *[Symbol.iterator](): Generator<readonly [K, V]> {
    yield* this.#former;
    yield* this.#recent;
  }
}
