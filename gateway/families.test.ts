import { Gauge, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { type Sample, textOf } from './families.ts';

const family = (samples: readonly Sample[]) => ({
  name: 'figure',
  help: 'What it is',
  type: 'gauge' as const,
  samples: () => samples,
});

describe('the text of a figure', () => {
  test('given labels with quotes, backslashes and ends of lines, then it is what the library writes', async () => {
    const registry = new Registry();
    const gauge = new Gauge({ name: 'figure', help: 'What it is', labelNames: ['one', 'two'], registers: [registry] });
    const samples = [
      { labels: { one: 'a "b" \\ c', two: 'd\ne' }, value: 1.5 },
      { labels: { one: 'plain', two: '' }, value: -3 },
    ];
    for (const { labels, value } of samples) gauge.set(labels, value);
    expect([...textOf(family(samples))].join('')).toBe(await registry.metrics());
  });

  test('given thousands of series, then it comes in pieces of whole lines, and none is left out', () => {
    const samples = Array.from({ length: 4000 }, (_, n) => ({ labels: { connection: `c${n}` }, value: n }));
    const pieces = [...textOf(family(samples))];
    expect(pieces.length).toBeGreaterThan(10);
    for (const piece of pieces) expect(piece.endsWith('\n')).toBe(true);
    expect(pieces.join('').split('\n')).toHaveLength(2 + 4000 + 1);
  });
});
