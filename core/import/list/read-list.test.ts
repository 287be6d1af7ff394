/** What a list says of side effects: given a row, when it is read, then a blank is not the same as `none`. */
import { expect, test } from 'vitest';
import { NO_MAPPING } from './columns.ts';
import { readList } from './read-list.ts';

const CELLS = { name: 'north', 'legacy port': '6001', 'destination host': 'lis', 'destination port': '7001' };

function effectsOf(cells: Readonly<Record<string, string>>): readonly string[] | null | undefined {
  const row = { ...CELLS, ...cells };
  const list = { kind: 'list', header: Object.keys(row), rows: [{ line: 2, cells: row }] };
  return readList('list.csv', list, NO_MAPPING).flows[0]?.effects;
}

test.each([
  ['no column', {}, null],
  ['a blank cell', { effects: ' ' }, null],
  ['none', { 'Side effects': 'None' }, []],
  ['a dash', { effects: '-' }, []],
  ['two', { effects: 'mail; table LAB_LOG' }, ['mail', 'table LAB_LOG']],
])('side effects of a row: %s', (_, cells, expected) => {
  expect(effectsOf(cells)).toEqual(expected);
});
