/**
 * The newest payloads, up to a bound: a pair is mostly ready soon after its outputs have come. In two generations, of which
 * the older one goes as a whole: to forget the oldest entry of a Map one by one walks over all that were forgotten before.
 */
const LIMIT_BYTES = 64 * 1024 * 1024;

export class PayloadCache {
  readonly #limitBytes: number;
  #younger = new Map<number, Uint8Array>();
  #older = new Map<number, Uint8Array>();
  #youngerBytes = 0;

  constructor(limitBytes = LIMIT_BYTES) {
    this.#limitBytes = limitBytes;
  }

  has(offset: number): boolean {
    return this.#younger.has(offset) || this.#older.has(offset);
  }

  get(offset: number): Uint8Array | null {
    return this.#younger.get(offset) ?? this.#older.get(offset) ?? null;
  }

  put(offset: number, payload: Uint8Array): void {
    this.#youngerBytes += payload.byteLength - (this.#younger.get(offset)?.byteLength ?? 0);
    this.#younger.set(offset, payload);
    if (this.#youngerBytes <= this.#limitBytes / 2) return;
    this.#older = this.#younger;
    this.#younger = new Map();
    this.#youngerBytes = 0;
  }
}
