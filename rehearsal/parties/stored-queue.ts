/**
 * What a platform has taken and not passed on yet, in a file: one that was killed comes back with it, as engines with a
 * persistent queue do. A line per message taken, and one when it has been passed on.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const outputSchema = z.object({ connection: z.string(), bytes: z.string() });
const lineSchema = z.union([
  z.object({ number: z.int(), outputs: z.array(outputSchema) }),
  z.object({ done: z.int() }),
]);

export type StoredOutput = { readonly connection: string; readonly bytes: Buffer };
export type StoredItem = { readonly number: number; readonly outputs: readonly StoredOutput[] };

export class StoredQueue {
  readonly #file: string;
  /** Of a former life, oldest first. */
  readonly left: readonly StoredItem[];
  #numbers: number;

  constructor(file: string) {
    this.#file = file;
    const { left, numbers } = readQueue(file);
    this.left = left;
    this.#numbers = numbers;
  }

  /** Answers with its number. */
  take(outputs: readonly StoredOutput[]): number {
    const number = ++this.#numbers;
    const stored = outputs.map(({ connection, bytes }) => ({ connection, bytes: bytes.toString('base64') }));
    appendFileSync(this.#file, `${JSON.stringify({ number, outputs: stored })}\n`);
    return number;
  }

  done(number: number): void {
    appendFileSync(this.#file, `${JSON.stringify({ done: number })}\n`);
  }
}

function readQueue(file: string): { readonly left: StoredItem[]; readonly numbers: number } {
  const left = new Map<number, StoredItem>();
  let numbers = 0;
  if (!existsSync(file)) return { left: [], numbers };
  // A line that the kill cut short was not answered for.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  for (const text of lines) {
    const line = lineSchema.parse(JSON.parse(text));
    if ('done' in line) {
      left.delete(line.done);
      continue;
    }
    numbers = Math.max(numbers, line.number);
    const outputs = line.outputs.map(({ connection, bytes }) => ({ connection, bytes: Buffer.from(bytes, 'base64') }));
    left.set(line.number, { number: line.number, outputs });
  }
  return { left: [...left.values()], numbers };
}
