/** How the process ends: an exit code, and what the person who started it is told. */
import { JournalCorruptError, JournalForeignError, JournalKeyError } from './journal/errors.ts';
import { ShardRefusal } from './shard-refusal.ts';
import { SignersUnusable } from './trusted-signers.ts';

export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An end that is no fault of the program: one line each, and an exit code. */
export class Ending extends Error {
  readonly code: ExitCode;
  readonly lines: readonly string[];
  constructor(code: ExitCode, lines: readonly string[]) {
    super(lines.join('\n'));
    this.code = code;
    this.lines = lines;
  }
}

export function refusalOf({ message, next }: { readonly message: string; readonly next: readonly string[] }): Ending {
  return new Ending(EXIT.refused, [[message, ...next].join(' → ')]);
}

/** What an exception means to the person who started the process. */
export function endingOf(error: unknown): Ending {
  if (error instanceof SignersUnusable) return new Ending(EXIT.usage, error.lines);
  const isRefusal = [JournalCorruptError, JournalForeignError, JournalKeyError, ShardRefusal].some(
    (kind) => error instanceof kind,
  );
  if (isRefusal && error instanceof Error) {
    return new Ending(EXIT.refused, [error.message]);
  }
  const code = codeOf(error);
  if (code === 'EADDRINUSE') {
    return new Ending(EXIT.failed, [`${messageOf(error)} → another program listens there; stop it or change the port`]);
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    return new Ending(EXIT.failed, [`${messageOf(error)} → check rights, addresses and ports`]);
  }
  return new Ending(EXIT.failed, [messageOf(error)]);
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
