/** Two journals claim the same shard and incarnation: a copy of a data directory serves, or has served. */
export class Diverged extends Error {
  override readonly name = 'Diverged';
  readonly offset: number;
  constructor(offset: number, what: string) {
    super(
      `${what} (record ${offset}) → another copy of this data directory has shipped: find out which one serves, and give a restored one a new incarnation`,
    );
    this.offset = offset;
  }
}
