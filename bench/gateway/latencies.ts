/** Latencies as counts by size, half a percent apart: of any number of messages, to be added up and compared. */

const LEAST_MS = 0.01;
const STEP = 1.005;
const BUCKETS = Math.ceil(Math.log(1e5 / LEAST_MS) / Math.log(STEP));

export class Latencies {
  readonly counts: number[];
  #total: number;
  /** The last bucket with anything in it. */
  #highest: number;

  constructor(counts: readonly number[] = []) {
    this.counts = Array.from({ length: BUCKETS }, (_, index) => counts[index] ?? 0);
    this.#total = this.counts.reduce((sum, count) => sum + count, 0);
    this.#highest = this.counts.findLastIndex((count) => count > 0);
  }

  static sum(all: readonly Latencies[]): Latencies {
    const sum = new Latencies();
    for (const one of all) sum.#add(one);
    return sum;
  }

  /** Of all together, as `at`; from above, because that is where few have to be looked at. */
  static pooledAt(all: readonly Latencies[], share: number): number {
    let total = 0;
    for (const one of all) total += one.#total;
    let above = total - Math.max(1, Math.ceil(total * share));
    for (let index = Math.max(...all.map((one) => one.#highest)); index >= 0; index--) {
      let here = 0;
      for (const { counts } of all) here += counts[index] ?? 0;
      if (here > above) return LEAST_MS * STEP ** index;
      above -= here;
    }
    return 0;
  }

  get total(): number {
    return this.#total;
  }

  note(ms: number): void {
    const step = Math.ceil(Math.log(Math.max(ms, LEAST_MS) / LEAST_MS) / Math.log(STEP));
    const index = Math.min(BUCKETS - 1, step);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.#total += 1;
    this.#highest = Math.max(this.#highest, index);
  }

  /** In ms, rounded up to the next step: that share of the messages took no longer. 0 where there are none. */
  at(share: number): number {
    return Latencies.pooledAt([this], share);
  }

  #add(other: Latencies): void {
    for (let index = 0; index < BUCKETS; index++) {
      this.counts[index] = (this.counts[index] ?? 0) + (other.counts[index] ?? 0);
    }
    this.#total += other.#total;
    this.#highest = Math.max(this.#highest, other.#highest);
  }
}
