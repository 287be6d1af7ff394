/**
 * The table that a platform polls where no message comes through a feed: a folder with a file a row, oldest first. Who has
 * sent a row on, and was answered positively, takes it out.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIGITS = 10;
const UNFINISHED = '.';

export class Table {
  readonly #folder: string;
  #written = 0;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
  }

  /** How many rows this side has written. */
  get written(): number {
    return this.#written;
  }

  add(row: Buffer): void {
    const name = String(++this.#written).padStart(DIGITS, '0');
    const unfinished = join(this.#folder, `${UNFINISHED}${name}`);
    writeFileSync(unfinished, row);
    // A whole row or none: who polls never sees half of one.
    renameSync(unfinished, join(this.#folder, name));
  }

  rows(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => !name.startsWith(UNFINISHED))
      .sort();
  }

  read(row: string): Buffer {
    return readFileSync(join(this.#folder, row));
  }

  remove(row: string): void {
    rmSync(join(this.#folder, row));
  }
}
