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

/** The gateway of a move. */
type MoveTarget = { prepareMoves(count: number): Promise<void> };

export class StartTogether {
  readonly #expected: number;
  readonly #targets = new Map<MoveTarget, number>();
  readonly #isOpen = Promise.withResolvers<void>();
  #arrived = 0;
  #isOpening = false;
  #quiet: NodeJS.Timeout | undefined;

  /** Opens for good at the first `expected` arrivals. */
  constructor(expected: number) {
    this.#expected = expected;
  }

  async arrive(target: MoveTarget): Promise<void> {
    this.#arrived++;
    this.#targets.set(target, (this.#targets.get(target) ?? 0) + 1);
    clearTimeout(this.#quiet);
    if (this.#arrived >= this.#expected) void this.#open();
    else this.#quiet = setTimeout(() => void this.#open(), QUIET_MS);
    await this.#isOpen.promise;
  }

  /** Once all have their connections. */
  async #open(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    await Promise.all([...this.#targets].map(([target, count]) => target.prepareMoves(count)));
    this.#isOpen.resolve();
  }
}
