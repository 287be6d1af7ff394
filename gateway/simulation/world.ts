/** The simulation's time and chance: one queue of events, one seeded generator. The same seed is the same run. */

type Event = { readonly atMs: number; readonly order: number; readonly run: () => void };

export class World {
  now = 1_000_000;
  steps = 0;
  /** Promises may have something to do before the next event. */
  #isStirred = false;
  readonly #queue: Event[] = [];
  #order = 0;
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0 || 1;
  }

  /** 0 ≤ x < 1 (mulberry32). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to `below` - 1. */
  roll(below: number): number {
    return Math.floor(this.random() * below);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  after(delayMs: number, run: () => void): void {
    const event = { atMs: this.now + Math.max(0, delayMs), order: this.#order++, run };
    this.#queue.push(event);
    this.#rise(this.#queue.length - 1);
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, () => {
        this.stir();
        resolve();
      });
    });
  }

  /** As `setTimeout`; the result cancels it. */
  cancellable(delayMs: number, run: () => void): () => void {
    let isOver = false;
    this.after(delayMs, () => {
      this.stir();
      if (!isOver) run();
    });
    return () => {
      isOver = true;
    };
  }

  /** Something was begun or resolved that goes on in promises: they run dry before the next event. */
  stir(): void {
    this.#isStirred = true;
  }

  /** What goes on in promises is part of the event that began it. Nothing of it waits for the machine, so it is the same each time. */
  async settle(): Promise<void> {
    if (!this.#isStirred) return;
    this.#isStirred = false;
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Runs the next event; false where there is none or it lies beyond the limit. */
  step(untilMs: number): boolean {
    const [next] = this.#queue;
    if (next === undefined || next.atMs > untilMs) return false;
    const last = this.#queue.pop();
    if (last !== undefined && last !== next) {
      this.#queue[0] = last;
      this.#sink(0);
    }
    this.now = Math.max(this.now, next.atMs);
    this.steps++;
    next.run();
    return true;
  }

  #rise(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(start: number): void {
    let index = start;
    for (;;) {
      const left = index * 2 + 1;
      const right = left + 1;
      let first = index;
      if (left < this.#queue.length && this.#isBefore(left, first)) first = left;
      if (right < this.#queue.length && this.#isBefore(right, first)) first = right;
      if (first === index) return;
      this.#swap(index, first);
      index = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const left = this.#queue[a];
    const right = this.#queue[b];
    if (left === undefined || right === undefined) return false;
    return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
  }

  #swap(a: number, b: number): void {
    const left = this.#queue[a];
    const right = this.#queue[b];
    if (left === undefined || right === undefined) return;
    this.#queue[a] = right;
    this.#queue[b] = left;
  }
}
