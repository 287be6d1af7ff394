/**
 * A map and a set that take next to nothing until something is put into them. An empty `Map` takes 180 bytes, and of the
 * dozens that a feed and its connections have nearly all stay empty while thousands of them are idle.
 */
export class LazyMap<K, V> {
  #map: Map<K, V> | null = null;

  get size(): number {
    return this.#map === null ? 0 : this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map === null ? undefined : this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map?.has(key) ?? false;
  }

  set(key: K, value: V): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  /** True where it was there. What is empty again stays: it is likely to be used again. */
  delete(key: K): boolean {
    return this.#map?.delete(key) ?? false;
  }

  keys(): Iterable<K> {
    return this.#map === null ? [] : this.#map.keys();
  }

  values(): Iterable<V> {
    return this.#map === null ? [] : this.#map.values();
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.#map === null ? [][Symbol.iterator]() : this.#map[Symbol.iterator]();
  }
}

export class LazySet<T> {
  #set: Set<T> | null = null;

  get size(): number {
    return this.#set === null ? 0 : this.#set.size;
  }

  has(item: T): boolean {
    return this.#set?.has(item) ?? false;
  }

  add(item: T): void {
    this.#set ??= new Set();
    this.#set.add(item);
  }

  /** True where it was there. */
  delete(item: T): boolean {
    return this.#set?.delete(item) ?? false;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#set === null ? [][Symbol.iterator]() : this.#set[Symbol.iterator]();
  }
}
