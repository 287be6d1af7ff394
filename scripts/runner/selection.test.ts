import { describe, expect, test } from 'vitest';
import { GOOD } from '../../core/inventory.example.ts';
import { parseInventory } from '../../core/inventory.ts';
import { flagsFor, select } from './selection.ts';
import { VerbStop } from './stop.ts';

/** Two practices in each of two waves, orders and results each. */
const connections = ['a', 'b', 'c', 'd'].flatMap((practice) =>
  ['orders', 'results'].map((direction) => ({
    ...example(),
    name: `${practice}-${direction}`,
    practice,
    wave: practice < 'c' ? 'pilot' : 'second',
  })),
);
const names = (...practices: string[]): string[] =>
  practices.flatMap((practice) => [`${practice}-orders`, `${practice}-results`]);

describe('given names, then what is typed to mean exactly these is', () => {
  test.each([
    ['one name', ['a-orders'], '--connection a-orders'],
    ['a few names', ['a-orders', 'b-results'], '--connection a-orders,b-results'],
    ['all', names('a', 'b', 'c', 'd'), '--all'],
    ['a whole wave', names('c', 'd'), '--wave second'],
    ['whole practices of several waves', names('a', 'd'), '--practice a,d'],
    [
      'a part of a wave',
      ['a-orders', 'a-results', 'b-orders', 'c-orders'],
      '--connection a-orders,a-results,b-orders,c-orders',
    ],
  ])('%s', (_, wanted, flags) => {
    expect(flagsFor({ connections }, wanted)).toBe(flags);
  });
});

test('given an inventory without connections, when a verb that changes something selects all, then it is refused', () => {
  const inventory = { ...parsed(), connections: [] };
  expect(() => select(inventory, { all: true }, false)).toThrow(VerbStop);
  expect(() => select(inventory, { all: true }, false)).toThrow('has no connections yet');
  expect(select(inventory, {}, true)).toEqual([]);
});

function parsed() {
  const read = parseInventory(GOOD, 'inventory.yaml');
  if (!read.ok) throw new Error('the example holds');
  return read.value;
}

function example() {
  const [first] = parsed().connections;
  if (first === undefined) throw new Error('the example has connections');
  return first;
}
