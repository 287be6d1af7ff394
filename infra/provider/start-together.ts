/**
 * The moves of one verb begin together. The engine hands routes to the provider one after another, over seconds with
 * hundreds of them; held here until the last one is there, their swaps start within a moment of each other, so that a
 * wave is either before or in its change-over, not strewn over it.
 */

/**
 * A route that its own check refused never arrives: so long after the last arrival the others go. Longer than a busy
 * machine keeps the engine from the next route. Nobody is held meanwhile.
 */
const QUIET_MS = 2_000;

export class StartTogether {
  readonly #expected: number;
  readonly #isOpen = Promise.withResolvers<void>();
  #arrived = 0;
  #quiet: NodeJS.Timeout | undefined;

  /** Opens for good at the first `expected` arrivals. */
  constructor(expected: number) {
    this.#expected = expected;
  }

  async arrive(): Promise<void> {
    this.#arrived++;
    clearTimeout(this.#quiet);
    if (this.#arrived >= this.#expected) this.#isOpen.resolve();
    else this.#quiet = setTimeout(() => this.#isOpen.resolve(), QUIET_MS);
    await this.#isOpen.promise;
  }
}
