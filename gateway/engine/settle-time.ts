/** How long an output can still come after its input was answered: as configured, else twice the longest lately seen. */

const SAMPLES = 512;
const ENOUGH_SAMPLES = 20;
const BEFORE_MEASURED_MS = 1000;
const SHORTEST_MS = 100;
const LONGEST_MS = 5000;

export class SettleTime {
  readonly #configuredMs: number | null;
  readonly #delaysMs: number[] = [];
  #next = 0;
  #longestMs = 0;

  constructor(configuredMs: number | null) {
    this.#configuredMs = configuredMs;
  }

  get ms(): number {
    if (this.#configuredMs !== null) return this.#configuredMs;
    if (this.#delaysMs.length < ENOUGH_SAMPLES) return BEFORE_MEASURED_MS;
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Math.ceil(this.#longestMs * 2)));
  }

  dump(): { readonly delaysMs: readonly number[]; readonly next: number } {
    return { delaysMs: [...this.#delaysMs], next: this.#next };
  }

  load({ delaysMs, next }: { readonly delaysMs: readonly number[]; readonly next: number }): void {
    this.#delaysMs.splice(0, this.#delaysMs.length, ...delaysMs);
    this.#next = next;
    this.#longestMs = Math.max(0, ...delaysMs);
  }

  /** An output came this long after its platform's answer; 0 where it came before. */
  measured(delayMs: number): void {
    const replaced = this.#delaysMs[this.#next] ?? 0;
    this.#delaysMs[this.#next] = delayMs;
    this.#next = (this.#next + 1) % SAMPLES;
    this.#longestMs =
      replaced === this.#longestMs && delayMs < replaced
        ? Math.max(...this.#delaysMs)
        : Math.max(this.#longestMs, delayMs);
  }
}
