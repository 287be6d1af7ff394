import { expect, test } from 'vitest';
import { measureKeys, type Triple } from './correlation.ts';

function message(id: string, order: string, patient: string): Buffer {
  return Buffer.from(`MSH|^~\\&|A||||||ORM^O01|${id}\rPID|1||${patient}^^^X\rORC|NW|${order}\r`);
}

const TRIPLES: readonly Triple[] = [1, 2, 3, 4].map((n) => ({
  input: message(`M${n}`, `O${n}`, `P${n % 2}`),
  legacy: message(`M${n}`, `O${n}`, `P${n % 2}`),
  new: message(`NEW${n}`, `O${n}`, `P${n % 2}`),
}));

const fitsOf = (triples: readonly Triple[]): Record<string, readonly string[]> =>
  Object.fromEntries(measureKeys(triples).map(({ paths, fits }) => [paths.join('+'), fits]));

test('given what platforms made of inputs, then a key that is unique and kept correlates, one that is kept gives weights', () => {
  expect(fitsOf(TRIPLES)).toEqual({
    'ORC-2.1': ['correlate', 'weightKey'],
    'ORC-2.1+ORC-1': ['correlate', 'weightKey'],
    'PID-3.1': ['weightKey'],
    'MSH-10': [],
  });
  expect(measureKeys(TRIPLES)[0]?.paths).toEqual(['ORC-2.1']);
});

test('given a platform that has sent nothing, or an input without the key, then nothing is proven', () => {
  expect(fitsOf(TRIPLES.map((triple) => ({ ...triple, new: null })))['ORC-2.1']).toEqual([]);
  const [first, ...rest] = TRIPLES;
  if (first === undefined) throw new Error('there are four');
  expect(fitsOf([{ ...first, input: message('M1', '', 'P1') }, ...rest])['ORC-2.1']).toEqual([]);
  expect(measureKeys([])).toEqual([]);
});
