/** Where a verb speaks: progress and questions on stderr, the one result on stdout. Colour only for a person's terminal. */
import { createInterface } from 'node:readline/promises';
import { chalk } from 'zx';
import { TROUBLE } from './live-view.ts';
import { visible } from './visible.ts';

export type Terminal = {
  readonly isInteractive: boolean;
  progress(line: string): void;
  /** What a person decides on, as legible as the terminal can. */
  show(line: string): void;
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

/** The head of a frame, and what is in trouble. */
function emphasised(line: string, index: number): string {
  if (index === 0) return chalk.bold(line);
  return line.trimStart().startsWith(TROUBLE) && !line.includes('✓') ? chalk.red(line) : line;
}

export function processTerminal(): Terminal {
  let drawnLines = 0;
  const isColoured = process.stderr.isTTY === true && process.env.NO_COLOR === undefined;
  /** A frame on the screen makes way for what is said, and is drawn anew below it. */
  const speak = (line: string): void => {
    process.stderr.write(`${overdraw(drawnLines)}${line}\n`);
    drawnLines = 0;
  };
  const paint = (how: (line: string) => string, line: string): string =>
    isColoured ? how(visible(line)) : visible(line);
  return {
    isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    progress: (line) => speak(paint(chalk.dim, line)),
    show: (line) => speak(visible(line)),
    warn: (line) => speak(paint(chalk.yellow, `! ${line}`)),
    ask: async (question, signal) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      // While it reads, the terminal's Ctrl-C comes here and not to the process: it means the same.
      lines.once('SIGINT', () => {
        process.stderr.write('\n');
        process.kill(process.pid, 'SIGINT');
      });
      try {
        return (await lines.question(question, { signal })).trim();
      } finally {
        lines.close();
      }
    },
    frame: (draw) => {
      const { columns = 80, rows = 24 } = process.stderr;
      const lines = draw({ columns, rows }).map(visible);
      const shown = isColoured ? lines.map(emphasised) : lines;
      process.stderr.write(`${overdraw(drawnLines)}${shown.join('\n')}\n`);
      drawnLines = lines.length;
    },
    endFrame: () => {
      drawnLines = 0;
    },
    result: (text) =>
      new Promise((resolve) => {
        process.stdout.write(visible(text.endsWith('\n') ? text : `${text}\n`), () => resolve());
      }),
  };
}
