/**
 * Figures with a series for each connection or endpoint, in the Prometheus text format, some series at a time: the library
 * makes all series of a figure in one go, and the 4,000 of 250 connections kept everything else waiting for 30 ms.
 */

export type Sample = {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string;
};
export type Family = {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'histogram';
  samples(): Iterable<Sample>;
};

const SAMPLES_PER_STEP = 200;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** The text of a figure, piece by piece; together they are whole lines. */
export function* textOf({ name, help, type, samples }: Family): Iterable<string> {
  let lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
  for (const { labels, value, suffix = '' } of samples()) {
    lines.push(`${name}${suffix}{${labelsOf(labels)}} ${value}`);
    if (lines.length < SAMPLES_PER_STEP) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}

function labelsOf(labels: Sample['labels']): string {
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
