/** Ends a verb before its result: with an exit code, and with what is wrong, where, and what to do next. */

export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, partly: 4, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export type StopReason = { readonly code: string; readonly message: string; readonly next: readonly string[] };

export class VerbStop extends Error {
  override readonly name = 'VerbStop';
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly next: readonly string[];

  constructor(exitCode: ExitCode, { code, message, next }: StopReason) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
    this.next = next;
  }
}

export function usage(message: string, ...next: string[]): VerbStop {
  return new VerbStop(EXIT.usage, { code: 'usage', message, next });
}
