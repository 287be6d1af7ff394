/**
 * How many records a sync waits for. A sync costs the same for one record as for a hundred, so under load it is worth a
 * moment's wait for company; where one message waits for the next, as with a single sender, it is not. The pace is learned
 * from what came together: nothing is configured.
 */

/** Most of those that came together before: the rest would have to wait for the very last. */
const SHARE = 3 / 4;
const MOST_LIMIT = 32;
/** Syncs after a wait in vain during which nothing more is hoped for. */
const CALM_FIRST = 64;
const CALM_LAST = 4096;

export class GroupCommit {
  #most = 1;
  #calm = 0;
  #nextCalm = CALM_FIRST;

  /** Records that wait for their sync, from which on it begins at once. */
  get target(): number {
    return Math.ceil(this.#most * SHARE);
  }

  /** A sync begins, for that many records that waited for it. */
  began(records: number): void {
    const { target } = this;
    if (records < target) {
      this.#most = Math.max(1, records);
      if (records * 2 > target) return;
      this.#calm = this.#nextCalm;
      this.#nextCalm = Math.min(CALM_LAST, this.#nextCalm * 2);
      return;
    }
    if (this.#calm > 0) {
      this.#calm -= 1;
      return;
    }
    if (target > 1) this.#nextCalm = CALM_FIRST;
    this.#most = Math.min(MOST_LIMIT, Math.max(this.#most, records));
  }
}
