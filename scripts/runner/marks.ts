/** Connections as marks, wave by wave: hundreds of them on one screen. */

export type Marked = { readonly wave: string; readonly mark: string };

const LABEL_WIDTH = 14;
const LEAST_WIDTH = 10;

/** Waves in their first appearance's order, each beginning on a line of its own. */
export function markLines(items: readonly Marked[], columns: number): string[] {
  const width = Math.max(LEAST_WIDTH, columns - LABEL_WIDTH);
  return [...Map.groupBy(items, ({ wave }) => wave)].flatMap(([wave, members]) => {
    const lines: string[] = [];
    for (let start = 0; start < members.length; start += width) {
      const label = (start === 0 ? wave : '').slice(0, LABEL_WIDTH - 2).padEnd(LABEL_WIDTH);
      const marks = members.slice(start, start + width).map(({ mark }) => mark);
      lines.push(label + marks.join(''));
    }
    return lines;
  });
}
