/** Lines for a screen of a given width. */

const SET_IN = '      ';

/** Side by side where they fit, else on as many lines as it takes: none of them may be what is cut off. */
export function wrapped(parts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of parts) {
    const longer = line === '' ? part : `${line} · ${part}`;
    if (line !== '' && longer.length > columns) {
      lines.push(line);
      line = part;
    } else line = longer;
  }
  return [...lines, line];
}

/** One text on as many lines as it takes, broken between words, the later ones set in: a command is read to its end. */
export function folded(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > columns) {
      lines.push(line);
      line = `${SET_IN}${word}`;
    } else line = longer;
  }
  return [...lines, line];
}

/** What does not fit is seen to go on. */
export function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}
