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
};

export function processTerminal(): Terminal {
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
    result: (text) =>
      new Promise((resolve) => {
        process.stdout.write(text.endsWith('\n') ? text : `${text}\n`, () => resolve());
      }),
  };
}
