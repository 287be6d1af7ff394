/**
 * Rule 15: how many inputs of a shard may wait for their outputs. Past it the connection with the most gives up its oldest,
 * and lists them: no swap waits for them, no forced rollback takes them over. Their output goes out when their owner of then
 * sends it, once and whatever the route is by then.
 */
import type { Obligation } from './obligation.ts';

export type OpenInputsLimits = {
  /** Of one connection. */
  readonly connection: number;
  /** Of all connections together. */
  readonly shard: number;
};

/** Who has open inputs. */
export type OpenInputsHolder = {
  readonly obligations: { readonly size: number };
  /** At most so many that may be given up now, in the order in which they should be. */
  expendable(count: number): readonly Obligation[];
  giveUp(obligation: Obligation): void;
};

export class OpenInputs {
  readonly limits: OpenInputsLimits;
  /** Of all connections. */
  count = 0;
  readonly #holders: OpenInputsHolder[] = [];

  constructor(limits: OpenInputsLimits) {
    this.limits = limits;
  }

  add(holder: OpenInputsHolder): void {
    this.#holders.push(holder);
  }

  /** Gives up what is past the limits, beginning with this connection's own. */
  keepWithin(holder: OpenInputsHolder): void {
    this.#giveUp(holder, holder.obligations.size - this.limits.connection);
    for (let turn = 0; turn < this.#holders.length && this.count > this.limits.shard; turn++) {
      const [fullest, ...others] = this.#holders.toSorted((a, b) => b.obligations.size - a.obligations.size);
      if (fullest === undefined) return;
      // No further down than the next one has: connections with few open inputs feel nothing of one with many.
      const next = others[0]?.obligations.size ?? 0;
      const count = Math.min(this.count - this.limits.shard, Math.max(1, fullest.obligations.size - next));
      if (this.#giveUp(fullest, count) === 0) return;
    }
  }

  #giveUp(holder: OpenInputsHolder, count: number): number {
    if (count <= 0) return 0;
    const expendable = holder.expendable(count);
    for (const obligation of expendable) holder.giveUp(obligation);
    return expendable.length;
  }
}
