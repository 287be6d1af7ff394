/** The newest payloads, up to a bound: a pair is mostly ready soon after its outputs have come. */
const LIMIT_BYTES = 64 * 1024 * 1024;

export class PayloadCache {
  readonly #payloads = new Map<number, Uint8Array>();
  #bytes = 0;

  has(offset: number): boolean {
    return this.#payloads.has(offset);
  }

  get(offset: number): Uint8Array | null {
    return this.#payloads.get(offset) ?? null;
  }

  put(offset: number, payload: Uint8Array): void {
    this.#bytes += payload.byteLength - (this.#payloads.get(offset)?.byteLength ?? 0);
    this.#payloads.set(offset, payload);
    for (const [oldest, { byteLength }] of this.#payloads) {
      if (this.#bytes <= LIMIT_BYTES) return;
      this.#payloads.delete(oldest);
      this.#bytes -= byteLength;
    }
  }
}
