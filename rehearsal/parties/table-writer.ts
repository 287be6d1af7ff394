/** A source without a feed: it writes rows into a table, and does not wait for anybody. What is in the table is owed. */
import { type Random, randomFrom } from '../hl7/random.ts';
import { type IdentityKind, identityOf } from '../hl7/reading.ts';
import type { SentMessage } from './records.ts';
import type { SourceTarget } from './source.ts';
import { Table } from './table.ts';

export type TableWriterOptions = {
  readonly table: string;
  readonly seed: string;
  readonly identity: IdentityKind;
  readonly target: SourceTarget;
};

export class TableWriter {
  readonly connection: string;
  readonly log: SentMessage[] = [];
  readonly #table: Table;
  readonly #options: TableWriterOptions;
  readonly #random: Random;
  #timer: NodeJS.Timeout | null = null;
  #intervalMs = 1000;

  constructor(options: TableWriterOptions) {
    this.#options = options;
    this.connection = options.target.connection;
    this.#table = new Table(options.table);
    this.#random = randomFrom(`${options.seed}/pace/${this.connection}`);
  }

  /** Rows that a platform has taken out, so sent on. */
  get accepted(): number {
    return this.#table.written - this.#table.rows().length;
  }

  start(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    if (this.#timer === null) this.#schedule();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#write(), this.#intervalMs * (0.5 + this.#random.next()));
  }

  #write(): void {
    const { target, identity } = this.#options;
    const { bytes } = target.next();
    this.#table.add(bytes);
    this.log.push({ ...identityOf(bytes, identity), outcome: 'accepted', attempts: 1, pauseMs: 0 });
    this.#schedule();
  }
}
