/**
 * Which keys came lately: at least half of so many, forgotten by halves. A key is kept as a fingerprint of 53 bits in a table
 * of numbers, so that half a million of them are nothing that a collection has to walk through. Two keys are taken for one
 * with a chance of one in 10^12 a question.
 */

const FIRST_SLOTS = 16;
/** Of a table that is less full, nearly every question is answered by the first place that it looks at. */
const FILLED = 1 / 2;
const EMPTY = 0;

/** Open addressing, linear probing. */
class Table {
  size = 0;
  #slots = new Float64Array(FIRST_SLOTS);

  has(fingerprint: number): boolean {
    return this.#slots[this.#placeOf(fingerprint)] === fingerprint;
  }

  add(fingerprint: number): void {
    const place = this.#placeOf(fingerprint);
    if (this.#slots[place] === fingerprint) return;
    this.#slots[place] = fingerprint;
    this.size += 1;
    if (this.size <= this.#slots.length * FILLED) return;
    const former = this.#slots;
    this.#slots = new Float64Array(2 * former.length);
    for (const one of former) if (one !== EMPTY) this.#slots[this.#placeOf(one)] = one;
  }

  *[Symbol.iterator](): Generator<number> {
    for (const one of this.#slots) if (one !== EMPTY) yield one;
  }

  #placeOf(fingerprint: number): number {
    const last = this.#slots.length - 1;
    let place = fingerprint & last;
    for (let found = this.#slots[place]; found !== EMPTY && found !== fingerprint; found = this.#slots[place]) {
      place = (place + 1) & last;
    }
    return place;
  }
}

export class RecentKeys {
  readonly #halfLimit: number;
  #recent: Table | null = null;
  #former: Table | null = null;

  /** `limit`: it never holds more than this. */
  constructor(limit: number) {
    this.#halfLimit = Math.ceil(limit / 2);
  }

  has(key: string): boolean {
    if (this.#recent === null && this.#former === null) return false;
    const fingerprint = fingerprintOf(key);
    return (this.#recent?.has(fingerprint) ?? false) || (this.#former?.has(fingerprint) ?? false);
  }

  /** It is the newest now. */
  add(key: string): void {
    this.#add(fingerprintOf(key));
  }

  /** Fingerprints, the older half first. The same keys give the same, in whichever order a half has got its own. */
  dump(): readonly number[] {
    const sorted = (half: Table | null): number[] => [...(half ?? [])].sort((a, b) => a - b);
    return [...sorted(this.#former), ...sorted(this.#recent)];
  }

  /** What `dump` gave; or keys, oldest first. */
  load(state: readonly (number | string)[]): void {
    for (const one of state) this.#add(typeof one === 'string' ? fingerprintOf(one) : one);
  }

  #add(fingerprint: number): void {
    this.#recent ??= new Table();
    this.#recent.add(fingerprint);
    if (this.#recent.size < this.#halfLimit) return;
    this.#former = this.#recent;
    this.#recent = null;
  }
}

/** 1 to 2^53 - 1, evenly spread (two rounds of FNV-like mixing, as in the public-domain cyrb53). */
function fingerprintOf(key: string): number {
  let low = 0xdead_beef;
  let high = 0x41c6_ce57;
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    low = Math.imul(low ^ code, 0x9e37_79b1);
    high = Math.imul(high ^ code, 0x5f35_6495);
  }
  low = Math.imul(low ^ (low >>> 16), 0x85eb_ca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2_ae35);
  high = Math.imul(high ^ (high >>> 16), 0x85eb_ca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2_ae35);
  return 0x1_0000_0000 * (high & 0x1f_ffff) + (low >>> 0) || 1;
}
