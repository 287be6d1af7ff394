/**
 * Traffic from an archive of message files: one or many messages a file, dated by MSH-7, else by the file's own time.
 * A file is read in pieces and nothing of its content is kept but times.
 */
import { createReadStream } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseMessageTime } from '../core/planning/message-time.ts';

export type ArchivedMessage = {
  readonly atMs: number;
  /** The folders from the archive's own downwards: whoever keeps one a connection finds its name here. */
  readonly folders: readonly string[];
  readonly datedBy: 'msh-7' | 'file-time';
};

const DEPTH_LIMIT = 16;
/** A header longer than this is none: its MSH-7 is not looked for. */
const HEADER_LIMIT_CHARACTERS = 4_096;
/** The start of a segment MSH: at the beginning, after a line end, or after the MLLP start byte. */
const HEADER_START = new RegExp(`(?:^|[\\r\\n${String.fromCharCode(0x0b)}])MSH(?=[^\\w\\s])`, 'g');

export async function* readArchive(folder: string, timeZone: string): AsyncGenerator<ArchivedMessage> {
  yield* readFolder(folder, [], timeZone);
}

async function* readFolder(folder: string, folders: string[], timeZone: string): AsyncGenerator<ArchivedMessage> {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && folders.length < DEPTH_LIMIT)
      yield* readFolder(path, [...folders, entry.name], timeZone);
    else if (entry.isFile()) yield* readMessages(path, folders, timeZone);
  }
}

async function* readMessages(
  file: string,
  folders: readonly string[],
  timeZone: string,
): AsyncGenerator<ArchivedMessage> {
  const { mtimeMs } = await stat(file);
  for await (const header of headersOf(file)) {
    const dated = parseMessageTime(messageTimeOf(header), timeZone);
    yield dated === null
      ? { atMs: mtimeMs, folders, datedBy: 'file-time' }
      : { atMs: dated, folders, datedBy: 'msh-7' };
  }
}

/** MSH segments of a file, each cut at its end or at the limit. */
async function* headersOf(file: string): AsyncGenerator<string> {
  let pending = '';
  for await (const chunk of createReadStream(file, 'latin1')) {
    pending += String(chunk);
    const complete = pending.length - HEADER_LIMIT_CHARACTERS;
    if (complete <= 0) continue;
    yield* headersIn(pending, complete);
    // What is kept begins with a character that was looked at already: no header is found twice.
    pending = `.${pending.slice(complete)}`;
  }
  yield* headersIn(pending, pending.length);
}

function* headersIn(text: string, before: number): Generator<string> {
  for (const match of text.matchAll(HEADER_START)) {
    if (match.index >= before) return;
    const start = match.index + match[0].length - 'MSH'.length;
    yield text.slice(start, start + HEADER_LIMIT_CHARACTERS).split(/[\r\n]/, 1)[0] ?? '';
  }
}

/** MSH-1 is the delimiter itself, so MSH-7 is the sixth part after the name. */
function messageTimeOf(header: string): string {
  const [, , , , , , time = ''] = header.split(header.charAt(3));
  return time.split(/[\^&~]/, 1)[0] ?? '';
}
