import { Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { ALONE, type Family, textOf } from './families.ts';

const family = (given: Pick<Family, 'rows' | 'columns'> & { values: number[] }): Family => ({
  name: 'figure',
  help: 'What it is',
  type: 'gauge',
  ...given,
  values: Float64Array.from(given.values),
});

describe('the text of a figure', () => {
  test('given labels with quotes, backslashes and ends of lines, then it is what the library writes', async () => {
    const registry = new Registry();
    const gauge = new Gauge({ name: 'figure', help: 'What it is', labelNames: ['one', 'two'], registers: [registry] });
    const rows = [
      { one: 'a "b" \\ c', two: 'd\ne' },
      { one: 'plain', two: '' },
    ];
    const values = [1.5, -3];
    for (const [index, labels] of rows.entries()) gauge.set(labels, values[index] ?? 0);
    expect(textOf(family({ rows, columns: ALONE, values }))).toBe(await registry.metrics());
  });

  test('given rows and columns, then each has the labels of both, and what is unknown has no line', () => {
    const rows = [{ connection: 'a' }, { connection: 'b' }];
    const columns = [{ labels: { counter: 'received' } }, { labels: { counter: 'accepted' } }];
    const lines = textOf(family({ rows, columns, values: [1, 2, Number.NaN, 0] })).split('\n');
    expect(lines.slice(2)).toEqual([
      'figure{connection="a",counter="received"} 1',
      'figure{connection="a",counter="accepted"} 2',
      'figure{connection="b",counter="accepted"} 0',
      '',
    ]);
  });

  test('given a histogram, then its lines are those that the library writes', async () => {
    const registry = new Registry();
    const options = { name: 'figure', help: 'What it is', labelNames: ['a'], buckets: [1, 2], registers: [registry] };
    new Histogram(options).observe({ a: 'x' }, 1.5);
    const columns = [
      ...['1', '2', '+Inf'].map((le) => ({ suffix: '_bucket', labels: { le } })),
      { suffix: '_sum', labels: {} },
      { suffix: '_count', labels: {} },
    ];
    const text = textOf({ ...family({ rows: [{ a: 'x' }], columns, values: [0, 1, 1, 1.5, 1] }), type: 'histogram' });
    const byLine = (lines: string): string[] => lines.split('\n').map((line) => sorted(line));
    expect(byLine(text)).toEqual(byLine(await registry.metrics()));
  });

  test('given one series without labels, then there are no braces', () => {
    expect(textOf(family({ rows: [{}], columns: ALONE, values: [7] }))).toMatch(/^figure 7$/m);
  });
});

/** Which label comes first says nothing. */
function sorted(line: string): string {
  return line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`);
}
