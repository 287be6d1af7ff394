/** What the product shows instead of hiding: lists of message ids by cause, and the decisions that a person must take. */

import type { ListEntry, ListName, MessageId, OpenDecision } from '../../core/admin-api.ts';
import { LazyMap } from '../../core/lazy-collections.ts';
import type { DecisionRecord, ListRecord, MessageFacts, ResolutionRecord } from './records.ts';

const LIST_LIMIT = 10_000;
const DECISIONS_KEPT = 10_000;

export function messageId(shard: number, facts: MessageFacts, offset: number | null): MessageId {
  return { msh10: facts.msh10, sha256: facts.sha.slice(0, 12), at: `${shard}/${offset ?? '-'}` };
}

export type ListsState = readonly {
  readonly list: ListName;
  readonly entries: readonly ListEntry[];
  readonly total: number;
}[];

/** One connection's lists: the newest entries, and how many there ever were. */
export class Lists {
  readonly #shard: number;
  readonly #entries = new LazyMap<ListName, ListEntry[]>();
  readonly #totals = new LazyMap<ListName, number>();

  constructor(shard: number) {
    this.#shard = shard;
  }

  add(record: ListRecord): void {
    const entries = this.#entries.get(record.list) ?? [];
    this.#entries.set(record.list, entries);
    entries.push({
      id: messageId(this.#shard, record.message, record.offset),
      cause: record.cause,
      epoch: record.epoch,
      at: new Date(record.at).toISOString(),
    });
    if (entries.length > LIST_LIMIT) entries.shift();
    this.#totals.set(record.list, this.total(record.list) + 1);
  }

  dump(): ListsState {
    return [...this.#entries].map(([list, entries]) => ({ list, entries: [...entries], total: this.total(list) }));
  }

  load(state: ListsState): void {
    for (const { list, entries, total } of state) {
      this.#entries.set(list, [...entries]);
      this.#totals.set(list, total);
    }
  }

  entries(list: ListName): readonly ListEntry[] {
    return this.#entries.get(list) ?? [];
  }

  /** Where the records that it names are in the journal of this shard, oldest first. */
  offsets(list: ListName): readonly number[] {
    return this.entries(list).flatMap(({ id }) => {
      const [shard, offset] = id.at.split('/').map(Number);
      return shard === this.#shard && Number.isSafeInteger(offset) && offset !== undefined && offset >= 0
        ? [offset]
        : [];
    });
  }

  total(list: ListName): number {
    return this.#totals.get(list) ?? 0;
  }
}

export type Decision = OpenDecision & {
  readonly inputOffset: number | null;
  readonly proposalOffsets: readonly number[];
};

/** The decision list of a shard: open entries are never forgotten, resolved ones are kept up to a bound. */
export class Decisions {
  readonly #shard: number;
  readonly #byId = new Map<string, Decision>();
  /** Ids of the decisions about an input, of all connections that it is for. */
  readonly #byInput = new Map<number, string[]>();

  constructor(shard: number) {
    this.#shard = shard;
  }

  open(record: DecisionRecord): void {
    this.#add({
      id: record.id,
      connection: record.connection,
      cause: record.cause,
      input: record.inputFacts === null ? null : messageId(this.#shard, record.inputFacts, record.input),
      proposals: record.proposals.map((item) => messageId(this.#shard, item, item.offset)),
      openedAt: new Date(record.at).toISOString(),
      resolved: null,
      inputOffset: record.input,
      proposalOffsets: record.proposals.map((item) => item.offset),
    });
    if (this.#byId.size <= DECISIONS_KEPT) return;
    for (const decision of this.#byId.values()) {
      if (decision.resolved === null) continue;
      this.#remove(decision);
      return;
    }
  }

  #add(decision: Decision): void {
    const { id, inputOffset } = decision;
    this.#byId.set(id, decision);
    if (inputOffset !== null) this.#byInput.set(inputOffset, [...(this.#byInput.get(inputOffset) ?? []), id]);
  }

  /** Those of other connections about the same input stay. */
  #remove({ id, inputOffset }: Decision): void {
    this.#byId.delete(id);
    if (inputOffset === null) return;
    const others = (this.#byInput.get(inputOffset) ?? []).filter((other) => other !== id);
    if (others.length > 0) this.#byInput.set(inputOffset, others);
    else this.#byInput.delete(inputOffset);
  }

  /** A person is asked about this input, or has had what there was of it delivered: nothing more of it goes out by itself. */
  isDecided(connection: string, input: number): boolean {
    if (this.#byInput.size === 0) return false;
    const ids = this.#byInput.get(input) ?? [];
    return ids.some((id) => {
      const decision = this.#byId.get(id);
      return decision?.connection === connection && decision.resolved?.action !== 'discard';
    });
  }

  dump(): readonly Decision[] {
    return [...this.#byId.values()];
  }

  load(state: readonly Decision[]): void {
    for (const decision of state) this.#add(decision);
  }

  resolve(record: ResolutionRecord): void {
    const decision = this.#byId.get(record.id);
    if (decision === undefined) return;
    const { action, by, reason } = record;
    this.#byId.set(record.id, { ...decision, resolved: { action, by, reason, at: new Date(record.at).toISOString() } });
  }

  get(id: string): Decision | null {
    return this.#byId.get(id) ?? null;
  }

  openOf(connection: string): number {
    let count = 0;
    for (const decision of this.#byId.values()) {
      if (decision.connection === connection && decision.resolved === null) count++;
    }
    return count;
  }

  hasOpen(connection: string, cause: string): boolean {
    for (const decision of this.#byId.values()) {
      if (decision.connection === connection && decision.cause === cause && decision.resolved === null) return true;
    }
    return false;
  }

  /** Open ones first, oldest first. */
  all(): readonly Decision[] {
    const all = [...this.#byId.values()];
    return [...all.filter((item) => item.resolved === null), ...all.filter((item) => item.resolved !== null)];
  }
}
