/** What an input owes: an output that was delivered before its message was accepted settles it. */
import { expect, test } from 'vitest';
import { Obligations } from './obligations.ts';

const FACTS = { msh10: 'A1', sha: 'a1' };

test('given an input that was closed without an answer, when its output is delivered late, then its next attempt knows', () => {
  const obligations = new Obligations('one', 200, { count: 0 });
  obligations.admit(1, FACTS, null, ['legacy'], ['legacy'], 'legacy');
  obligations.answered(1, 'legacy', 'lost', true, 1000);
  obligations.expire(1200, () => true);
  expect(obligations.size).toBe(0);
  obligations.deliveredLate(1, 'legacy');
  expect(obligations.admit(1, FACTS, null, ['legacy'], ['legacy'], 'legacy').sides.legacy.delivered).toBe(true);
});
