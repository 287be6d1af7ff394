/**
 * Numbers for inputs of another journal. They are below 0, where no record of this one is, and each input keeps one of its own: what a
 * person has decided about it, and what is still late of it, stay its and become no other's.
 */
export class ElsewhereNumbers {
  readonly #given = new Map<number, number>();
  #lowest = 0;

  /** `used`: of which some may be such numbers, from a journal before. */
  constructor(used: Iterable<number | null>) {
    for (const one of used) this.#lowest = Math.min(this.#lowest, one ?? 0);
  }

  of<Offset extends number | null>(offset: Offset): Offset | number {
    if (offset === null || offset < 0) return offset;
    const known = this.#given.get(offset) ?? this.#next();
    this.#given.set(offset, known);
    return known;
  }

  #next(): number {
    this.#lowest -= 1;
    return this.#lowest;
  }
}
