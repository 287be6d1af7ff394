/**
 * The ledger side of one run: what is recorded under one run id, and the epochs of the gateways' own histories that
 * the ledger does not have yet, whoever made them.
 */
import { Ledger, LedgerUnavailable } from '../../adapters/ledger.ts';
import type { Json } from '../../core/canonical-json.ts';
import type { LedgerDraft, LedgerKind } from '../../core/ledger-entry.ts';
import type { Availability } from '../../core/plan.ts';
import { type Context, gatewayOf } from './context.ts';
import type { Args } from './flags.ts';

export type EpochNeed = { readonly name: string; readonly shard: number; readonly epoch: number };

export class LedgerSession {
  readonly availability: Availability;
  readonly #ledger: Ledger | null;
  readonly #context: Context;
  readonly #args: Args;
  #known: ReadonlyMap<string, ReadonlySet<number>> = new Map();

  private constructor(context: Context, args: Args, ledger: Ledger | null, availability: Availability) {
    this.#context = context;
    this.#args = args;
    this.#ledger = ledger;
    this.availability = availability;
  }

  /** Never throws: what is wrong is the session's `availability`. */
  static async open(context: Context, args: Args): Promise<LedgerSession> {
    const url = context.env.DATABASE_URL;
    if (!url) return new LedgerSession(context, args, null, { kind: 'not-configured' });
    try {
      const ledger = await Ledger.open({ url, deployment: context.inventory.deployment });
      const session = new LedgerSession(context, args, ledger, { kind: 'read' });
      session.#known = await ledger.epochs();
      return session;
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      return new LedgerSession(context, args, null, { kind: 'unavailable', message: error.message });
    }
  }

  /** Up to which epoch the ledger has them all; 0: none. */
  newestEpoch(name: string): number | 'unknown' {
    if (this.#ledger === null) return 'unknown';
    const epochs = this.#known.get(name) ?? new Set<number>();
    let newest = 0;
    while (epochs.has(newest + 1)) newest++;
    return newest;
  }

  has(name: string, epoch: number): boolean | null {
    return this.#ledger === null ? null : (this.#known.get(name)?.has(epoch) ?? false);
  }

  /** Throws LedgerUnavailable. */
  async record(kind: LedgerKind, body: Json): Promise<void> {
    await this.#ledger?.append([this.#draft(kind, body)]);
  }

  /** Brings in the epochs that are missing; says which connections could not be asked. Throws LedgerUnavailable. */
  async recordEpochs(needs: readonly EpochNeed[]): Promise<readonly string[]> {
    if (this.#ledger === null) return [];
    const missing = needs.filter(({ name, epoch }) => this.newestEpoch(name) !== epoch);
    const histories = await Promise.all(
      missing.map(async ({ name, shard }) => ({ name, result: await gatewayOf(this.#context, shard).epochs(name) })),
    );
    const drafts: LedgerDraft[] = [];
    for (const { name, result } of histories) {
      if (!result.ok) continue;
      const fresh = result.value.filter((record) => this.has(name, record.epoch) === false);
      drafts.push(...fresh.map((record) => this.#draft('epoch', { ...record })));
    }
    await this.#ledger.append(drafts);
    if (drafts.length > 0) this.#known = await this.#ledger.epochs();
    return histories.flatMap(({ name, result }) => (result.ok ? [] : [name]));
  }

  async close(): Promise<void> {
    await this.#ledger?.close();
  }

  #draft(kind: LedgerKind, body: Json): LedgerDraft {
    const { clock, operator, host, runId, verb, stack, inventory } = this.#context;
    return {
      deployment: inventory.deployment,
      kind,
      at: clock.now(),
      operator,
      host,
      run: runId,
      verb,
      stack,
      reason: this.#args.reason ?? null,
      changeId: this.#args['change-id'] ?? null,
      body,
    };
  }
}
