/** Where a verb speaks: progress and questions on stderr, the one result on stdout. Colour only for a person's terminal. */
import { createInterface } from 'node:readline/promises';
import { chalk } from 'zx';

export type Terminal = {
  readonly isInteractive: boolean;
  progress(line: string): void;
  warn(line: string): void;
  /** The answer, trimmed. */
  ask(question: string, signal: AbortSignal): Promise<string>;
  result(text: string): Promise<void>;
  /** Draws in place of the last frame; only where a person looks on. */
  frame(draw: (size: { readonly columns: number; readonly rows: number }) => readonly string[]): void;
  /** The last frame stays; what follows comes below it. */
  endFrame(): void;
};

/** Cursor up to the frame's first line, then everything from there on cleared. */
function overdraw(lines: number): string {
  return lines === 0 ? '' : `\u001b[${lines}A\u001b[J`;
}

export function processTerminal(): Terminal {
  let drawnLines = 0;
  const isColoured = process.stderr.isTTY === true && process.env.NO_COLOR === undefined;
  return {
    isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    progress: (line) => void process.stderr.write(`${isColoured ? chalk.dim(line) : line}\n`),
    warn: (line) => void process.stderr.write(`${isColoured ? chalk.yellow(`! ${line}`) : `! ${line}`}\n`),
    ask: async (question, signal) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return (await lines.question(question, { signal })).trim();
      } finally {
        lines.close();
      }
    },
    frame: (draw) => {
      const { columns = 80, rows = 24 } = process.stderr;
      const lines = draw({ columns, rows });
      process.stderr.write(`${overdraw(drawnLines)}${lines.join('\n')}\n`);
      drawnLines = lines.length;
    },
    endFrame: () => {
      drawnLines = 0;
    },
    result: (text) =>
      new Promise((resolve) => {
        process.stdout.write(text.endsWith('\n') ? text : `${text}\n`, () => resolve());
      }),
  };
}
