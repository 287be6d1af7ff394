import { expect, test } from 'vitest';
import { Decisions } from './lists.ts';

const KEPT = 10_000;

test('a decision that is forgotten takes no other one about the same input with it', () => {
  const decisions = new Decisions(0);
  const open = (id: string, connection: string, input: number): void =>
    decisions.open({
      t: 'decision',
      id,
      connection,
      cause: 'no-correlation',
      input,
      inputFacts: null,
      proposals: [],
      at: 0,
    });
  open('d-a', 'a', 1);
  open('d-b', 'b', 1);
  decisions.resolve({ t: 'resolution', id: 'd-a', action: 'deliver', by: 'dana', reason: 'seen', at: 1 });
  for (let input = 2; input < KEPT; input++) open(`d-${input}`, 'c', input);
  expect([decisions.isDecided('a', 1), decisions.isDecided('b', 1)]).toEqual([true, true]);
  open('d-last', 'c', KEPT);
  expect(decisions.get('d-a')).toBe(null);
  expect([decisions.isDecided('a', 1), decisions.isDecided('b', 1)]).toEqual([false, true]);
});
