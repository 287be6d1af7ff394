/** What a person sees while it runs: one line per event with the time since the start, on stderr. */

export type Progress = {
  line(text: string): void;
  /** Replaced by the next line where a person watches; else not shown. */
  passing(text: string): void;
};

const CLEAR_LINE = '\r\u001b[2K';

export function progressOn(stream: NodeJS.WriteStream, startedAt: number): Progress {
  const isWatched = stream.isTTY === true;
  const stamp = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  `;
  let hasPassing = false;
  return {
    line: (text) => {
      stream.write(`${hasPassing ? CLEAR_LINE : ''}${stamp()}${text}\n`);
      hasPassing = false;
    },
    passing: (text) => {
      if (!isWatched) return;
      stream.write(`${CLEAR_LINE}${stamp()}${text}`.slice(0, CLEAR_LINE.length + (stream.columns ?? 80) - 1));
      hasPassing = true;
    },
  };
}
