/** What the start has left behind goes back to the system at once, not when so much traffic has come that V8 collects it. */
import { expect, test } from 'vitest';
import { giveBackStartGarbage } from './start-garbage.ts';

const ROWS = 2_000_000;

test('given a large document that nobody needs any more, its memory is given back', async () => {
  const before = process.memoryUsage().heapTotal;
  const grown = readDocument();
  expect(grown - before).toBeGreaterThan(100e6);

  await giveBackStartGarbage();

  expect(grown - process.memoryUsage().heapTotal).toBeGreaterThan(80e6);
});

/** Returns how large the heap is while the document is there. */
function readDocument(): number {
  const rows = Array.from({ length: ROWS }, (_, line) => ({ line, range: [line, line + 1] }));
  return rows.length === ROWS ? process.memoryUsage().heapTotal : 0;
}
