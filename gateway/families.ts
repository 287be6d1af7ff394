/**
 * Figures on their way from the traffic's thread to the one that makes text of them (Prometheus text format): as numbers,
 * since the text of 250 connections has 6,000 lines, and traffic would wait for them.
 */

export type Labels = Readonly<Record<string, string>>;
export type Column = {
  readonly labels: Labels;
  /** Of a histogram: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string;
};
/** One figure, with a series for each row and column that has the labels of both. */
export type Family = {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'histogram';
  readonly rows: readonly Labels[];
  readonly columns: readonly Column[];
  /** Row by row. NaN: unknown, and no series: it must not be taken for zero. */
  readonly values: Float64Array;
};
/** `text`: of those that are few. */
export type Figures = { readonly families: readonly Family[]; readonly text: string };

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** For a figure with one series a row. */
export const ALONE: readonly Column[] = [{ labels: {} }];

/** Whole lines. */
export function textOf({ name, help, type, rows, columns, values }: Family): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
  const ends = columns.map(({ labels, suffix = '' }) => ({ start: `${name}${suffix}`, labels: labelsOf(labels) }));
  let index = 0;
  for (const row of rows) {
    const own = labelsOf(row);
    for (const { start, labels } of ends) {
      const value = values[index++] ?? Number.NaN;
      if (!Number.isNaN(value)) lines.push(`${start}${inBraces(own, labels)} ${value}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function inBraces(own: string, labels: string): string {
  const both = own === '' || labels === '' ? own + labels : `${own},${labels}`;
  return both === '' ? '' : `{${both}}`;
}

function labelsOf(labels: Labels): string {
  let text = '';
  for (const name in labels) {
    const value = labels[name] ?? '';
    text += `${text === '' ? '' : ','}${name}="${/["\\\n]/.test(value) ? escaped(value) : value}"`;
  }
  return text;
}

function escaped(value: string): string {
  return value.replace(/["\\\n]/g, (character) => ESCAPES[character] ?? character);
}
