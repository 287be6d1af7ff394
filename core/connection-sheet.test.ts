/** The sheet of a connection without a feed: given one, then it says what it has, and how it is owned. */
import { expect, test } from 'vitest';
import { connectionSheet } from './connection-sheet.ts';
import { GOOD, read } from './inventory.example.ts';

test('a connection without a feed has a sheet that names no source and says that only the owner may run', () => {
  const inventory = read(GOOD);
  const [first] = inventory.connections;
  if (first === undefined) throw new Error('the example has a connection');
  const sheet = connectionSheet(inventory, { ...first, origin: 'platform', feed: null });
  expect(sheet).toContain('origin: platform');
  expect(sheet).toContain('new sends its output to');
  expect(sheet).not.toContain('source connects to');
  expect(sheet).not.toContain('the sender waits');
  expect(connectionSheet(inventory, first)).toContain('source connects to');
});
