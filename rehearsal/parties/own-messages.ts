/**
 * `--messages DIR`: the user's own messages in place of generated ones. A file holds one message, several, a batch, or
 * MLLP frames. Bytes stay as they are but for line ends (a message on the wire ends its segments with CARRIAGE_RETURN)
 * and MSH-10 where it is missing or comes again: nothing new may look like a resend.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageSource } from '../hl7/generator.ts';
import { readHeader } from '../hl7/reading.ts';
import { CARRIAGE_RETURN } from '../hl7/segments.ts';

const START_BLOCK = String.fromCharCode(0x0b);
const END_BLOCK = String.fromCharCode(0x1c);
const ORDER_TYPES = new Set(['ORM', 'OML', 'OMG', 'OMI', 'ORL', 'ORR']);

export type OwnMessages = {
  readonly orders: readonly Buffer[];
  readonly results: readonly Buffer[];
  readonly skipped: number;
};

export function readOwnMessages(folder: string): OwnMessages {
  const orders: Buffer[] = [];
  const results: Buffer[] = [];
  let skipped = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const messages = splitMessages(readFileSync(join(entry.parentPath, entry.name)));
    if (messages.length === 0) skipped++;
    for (const message of messages) {
      const type = (readHeader(message).fields[9] ?? '').split('^')[0] ?? '';
      (ORDER_TYPES.has(type) ? orders : results).push(message);
    }
  }
  return { orders, results, skipped };
}

/** Every message of a file: what stands between batch headers, frames and blank lines, from MSH to the next MSH. */
export function splitMessages(file: Buffer): Buffer[] {
  const text = file
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .replaceAll(START_BLOCK, CARRIAGE_RETURN)
    .replaceAll(END_BLOCK, CARRIAGE_RETURN);
  const messages: string[][] = [];
  for (const line of text.split(/[\r\n]+/)) {
    if (line.startsWith('MSH')) messages.push([line]);
    else if (line !== '' && !/^(FHS|BHS|BTS|FTS)/.test(line)) messages.at(-1)?.push(line);
  }
  return messages.map((segments) => Buffer.from(segments.map((line) => `${line}\r`).join(''), 'latin1'));
}

/**
 * Goes round the messages from `offset` on. A message keeps its bytes the first time, unless its MSH-10 is empty or was
 * there before; every other time it gets a fresh MSH-10.
 */
export function repeating(messages: readonly Buffer[], offset: number, prefix: string): MessageSource {
  const used = new Set(['']);
  let count = 0;
  return {
    next: () => {
      const original = messages[(offset + count) % messages.length];
      if (original === undefined) throw new RangeError('there are no messages to send');
      count++;
      const own = readHeader(original).fields[10] ?? '';
      if (count <= messages.length && !used.has(own)) {
        used.add(own);
        return { bytes: original, controlId: own, sequence: count };
      }
      const controlId = `${prefix}${count}`;
      return { bytes: withControlId(original, controlId), controlId, sequence: count };
    },
  };
}

function withControlId(message: Buffer, controlId: string): Buffer {
  const { fields, end } = readHeader(message);
  const [name = 'MSH', separator = '|', ...rest] = fields;
  while (rest.length < 9) rest.push('');
  rest[8] = controlId;
  return Buffer.concat([Buffer.from([name, ...rest].join(separator), 'latin1'), message.subarray(end)]);
}
