/** Feeds that went to another shard or came from one, as the journal tells it. */
import type { EpochRecord } from '../../../core/admin-api.ts';
import { Newest } from '../../../core/newest.ts';
import type { ConnectionState } from '../connection.ts';
import type { MovedState } from '../moving.ts';
import type { MovedInRecord, MovedOutRecord } from '../records.ts';
import type { ShardEngine } from '../shard.ts';
import { loadMoved } from './moved-state.ts';
import type { JournalNames } from './names.ts';

/** How many moves of feeds to this shard are told from new ones. */
const MOVES_LIMIT = 10_000;

/** Where a connection is since, and with which epoch it went. */
export type Gone = Pick<MovedOutRecord, 'move' | 'to' | 'sha256' | 'feeds' | 'at'> & { readonly epoch: number };

export type MovesState = {
  readonly away: readonly (readonly [connection: string, gone: Gone])[];
  readonly came: readonly string[];
  readonly unwritten: readonly EpochRecord[];
};

export class ShardMoves {
  readonly #engine: ShardEngine;
  readonly #names: JournalNames;
  readonly #away = new Map<string, Gone>();
  /** Moves that have come to this shard. */
  readonly #came = new Newest<string, true>(MOVES_LIMIT);
  /** By connection: the epoch that it came with, and that is not in this journal yet. */
  readonly #unwritten = new Map<string, EpochRecord>();

  constructor(engine: ShardEngine, names: JournalNames) {
    this.#engine = engine;
    this.#names = names;
  }

  /** Where a connection went that this shard has served; null: nowhere, as far as this journal knows. */
  goneOf(connection: string): Gone | null {
    return this.#away.get(connection) ?? null;
  }

  /** What went to other shards. */
  get gone(): Iterable<string> {
    return this.#away.keys();
  }

  hasCome(move: string): boolean {
    return this.#came.has(move);
  }

  get unwrittenEpochs(): readonly EpochRecord[] {
    return [...this.#unwritten.values()];
  }

  /** An epoch of it is in this journal. */
  epochWritten(connection: string): void {
    this.#unwritten.delete(this.#names.nameOf(connection));
  }

  movedOut({ connections, move, to, sha256, feeds, at }: MovedOutRecord): void {
    for (const { name, epoch } of connections) this.#goes(name, { move, to, sha256, feeds, at, epoch });
  }

  #goes(name: string, gone: Gone): void {
    this.#away.set(this.#names.nameOf(name), gone);
    const connection = this.#names.connection(name);
    if (connection !== undefined) connection.fence = { kind: 'moved', to: gone.to };
  }

  movedIn({ move, epochs }: MovedInRecord, payload: Buffer | null): void {
    if (payload === null) throw new Error('a feed that has come has its state with it');
    const state: MovedState = JSON.parse(payload.toString('utf8'));
    this.#came.set(move, true);
    for (const record of epochs) this.#comes(record, state);
    loadMoved({ engine: this.#engine, names: this.#names }, state);
  }

  #comes(record: EpochRecord, state: MovedState): void {
    const name = this.#names.nameOf(record.connection);
    const saved = state.connections[record.connection];
    this.#away.delete(name);
    this.#unwritten.set(name, record);
    const connection = this.#names.connection(name);
    if (connection === undefined || saved === undefined) {
      this.#names.addStranger({ name, phase: record.phase, wasUsed: true });
      return;
    }
    connection.load(saved);
    connection.epochs.push(record);
    connection.route = { phase: record.phase, newWeight: record.newWeight, epoch: record.epoch };
    connection.fence = isAboveOthers(record, saved) ? { kind: 'restored' } : null;
  }

  dump(): MovesState {
    return {
      away: [...this.#away],
      came: [...this.#came].map(([move]) => move),
      unwritten: [...this.#unwritten.values()],
    };
  }

  load({ away, came, unwritten }: MovesState): void {
    for (const [name, gone] of away) this.#goes(name, gone);
    for (const move of came) this.#came.set(move, true);
    for (const record of unwritten) this.#unwritten.set(this.#names.nameOf(record.connection), record);
  }
}

/** It was served here once, and this journal has lost that time: its epochs are above those of then. */
function isAboveOthers({ epoch }: EpochRecord, { epochs }: ConnectionState): boolean {
  return epoch > (epochs.at(-1)?.epoch ?? 0) + 1;
}
