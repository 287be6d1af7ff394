/** The text of the figures for whoever scrapes them: made once for all who wait for it, and never older than the question. */
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { ALONE, type Family, type Figures, textOf } from '../families.ts';
import type { Answer, TextReply } from './messages.ts';

export class Scrapes {
  readonly #askFigures: () => Promise<Answer>;
  /** Not asked for yet: whoever comes now gets it too. */
  #next: Promise<Buffer | TextReply> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(askFigures: () => Promise<Answer>) {
    this.#askFigures = askFigures;
  }

  text(): Promise<Buffer | TextReply> {
    if (this.#next !== null) return this.#next;
    const next = this.#last.then(() => this.#make());
    this.#next = next;
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #make(): Promise<Buffer | TextReply> {
    this.#next = null;
    const answer = await this.#askFigures();
    return 'figures' in answer ? bufferOf(answer.figures) : answer;
  }
}

/** With turns for calls that come meanwhile. */
async function bufferOf({ families, text }: Figures): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (const family of [...families, ...openFiles()]) {
    pieces.push(Buffer.from(textOf(family)));
    await setImmediate();
  }
  pieces.push(Buffer.from(text));
  return Buffer.concat(pieces);
}

/** Of the whole process: reading a folder of thousands takes milliseconds that the traffic's thread should not be without. */
function openFiles(): Family[] {
  try {
    const open = readdirSync('/proc/self/fd').length;
    const help = 'Number of open file descriptors';
    const values = Float64Array.of(open);
    return [{ name: 'cutover_process_open_fds', help, type: 'gauge', rows: [{}], columns: ALONE, values }];
  } catch {
    // Not Linux, or no descriptor is left.
    return [];
  }
}
