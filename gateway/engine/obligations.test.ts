/** What an input owes: an output that was delivered before its message was accepted settles it. */
import { expect, test } from 'vitest';
import type { Obligation } from './obligation.ts';
import { Obligations } from './obligations.ts';

const FACTS = { msh10: 'A1', sha: 'a1' };

test('given an input that was closed without an answer, when its output is delivered late, then its next attempt knows', () => {
  const obligations = new Obligations('one', 200, { count: 0 });
  const obligation = obligations.admit(1, FACTS, null, ['legacy'], ['legacy'], 'legacy');
  obligations.answered(obligation, 'legacy', 'lost', true, 1000);
  obligations.expire(1200, () => true);
  expect(obligations.size).toBe(0);
  obligations.deliveredLate(1, 'legacy');
  expect(obligations.admit(1, FACTS, null, ['legacy'], ['legacy'], 'legacy').sides.legacy.delivered).toBe(true);
});

test('given an input that was closed without an answer, when its output comes late and is kept, then its next attempt has it, past a checkpoint', () => {
  const obligations = new Obligations('one', 200, { count: 0 });
  const obligation = obligations.admit(1, FACTS, 'K1', ['legacy', 'new'], ['legacy'], 'legacy');
  expect(obligations.unacceptedInput('legacy', 'K1')).toBeNull();
  obligations.answered(obligation, 'legacy', 'lost', true, 1000);
  obligations.expire(1200, () => true);
  expect(obligations.size).toBe(0);

  const restarted = new Obligations('one', 200, { count: 0 });
  restarted.load(JSON.parse(JSON.stringify(obligations.dump())));
  expect(restarted.unacceptedInput('new', 'K1')).toBeNull();
  expect(restarted.unacceptedInput('legacy', 'K2')).toBeNull();
  expect(restarted.unacceptedInput('legacy', 'K1')).toBe(1);
  restarted.keepLate(1, 'legacy', { offset: 7, first: 7, facts: FACTS }, 42, 1300);
  expect(restarted.keptOutputs(1300)).toEqual([7]);
  const { sides, share } = restarted.admit(1, FACTS, 'K1', ['legacy'], ['legacy'], 'legacy');
  expect(sides.legacy).toMatchObject({ state: 'settled', kept: true, output: 7, delivered: false });
  // With a weight, whose the message is: its platform makes no second output that would show it.
  expect(share).toBe(42);
  expect(restarted.unacceptedInput('legacy', 'K1')).toBeNull();
});

test('given an output that was captured before its message was refused, when the message is sent again, then it is known whose it is', () => {
  const obligations = new Obligations('one', 200, { count: 0 });
  const obligation = obligations.admit(1, FACTS, 'K1', ['legacy', 'new'], ['legacy', 'new'], 'legacy');
  obligations.arrived(obligation, 'legacy', { offset: 5, first: 5, facts: FACTS }, 1000);
  obligation.share = 7;
  obligations.captured(obligation, 'legacy');
  obligations.answered(obligation, 'legacy', 'negative', true, 1000);
  expect(obligations.size).toBe(0);
  expect(obligations.admit(1, FACTS, 'K1', ['legacy', 'new'], ['legacy', 'new'], 'legacy').share).toBe(7);
});

test('given an input that was accepted, when its output comes late, then no resend is waited for', () => {
  const obligations = new Obligations('one', 200, { count: 0 });
  const obligation = obligations.admit(1, FACTS, 'K1', ['legacy'], ['legacy'], 'legacy');
  obligations.answered(obligation, 'legacy', 'positive', true, 1000);
  obligations.expire(1200, () => false);
  expect(obligations.size).toBe(0);
  expect(obligations.unacceptedInput('legacy', 'K1')).toBeNull();
});

test('given a late output on its way to its destination, when the resend is there before the verdict, then it owes nothing more', () => {
  const obligations = new Obligations('one', 200, { count: 0 });
  obligations.admit(1, FACTS, 'K1', ['legacy'], ['legacy'], 'legacy');
  obligations.deliveredLate(1, 'legacy');
  expect(obligations.get(1)?.sides.legacy.delivered).toBe(true);
});

test('given inputs with one key, when an output with it comes, then it is of the first that is due, else of the newest', () => {
  const obligations = new Obligations('zero-or-one', 200, { count: 0 });
  const admit = (input: number): Obligation => obligations.admit(input, FACTS, 'K1', ['legacy'], ['legacy'], 'legacy');
  const first = admit(1);
  admit(2);
  admit(3);
  const found = (): number | undefined => obligations.match('legacy', 'K1', true)?.input;
  const close = (input: number): void => {
    const obligation = obligations.get(input);
    if (obligation !== null) obligations.close(obligation);
  };
  expect(found()).toBe(1);
  obligations.answered(first, 'legacy', 'negative', true, 1000);
  expect(found()).toBe(2);
  const second = obligations.get(2);
  if (second !== null) second.sides.legacy.state = 'open';
  const third = obligations.get(3);
  if (third !== null) third.sides.legacy.state = 'open';
  expect(found()).toBe(3);
  close(3);
  expect(found()).toBe(2);
  close(2);
  expect(found()).toBeUndefined();
  expect(obligations.findingOf('K1')).toBe('repeated');
});

test('a checkpoint keeps the keys of inputs that nothing is waited for; former ones have them as text, or among the late ones', () => {
  const obligations = new Obligations('zero-or-one', 200, { count: 0 });
  const obligation = obligations.admit(1, FACTS, 'K1', [], [], 'legacy');
  obligations.answered(obligation, 'legacy', 'positive', true, 1000);
  const state = obligations.dump();
  expect(state).toMatchObject({ late: [], done: [expect.any(Number)] });

  const { done: _done, ...rest } = state;
  const late = [{ key: 'K1', input: 1, deliveredBy: null, missing: [], parks: false }];
  for (const saved of [state, { ...rest, done: ['K1'] }, { ...rest, late }]) {
    const restarted = new Obligations('zero-or-one', 200, { count: 0 });
    restarted.load(JSON.parse(JSON.stringify(saved)));
    expect(restarted.findingOf('K1')).toBe('repeated');
    expect(restarted.findingOf('K2')).toBe('new');
    expect(restarted.dump()).toEqual(state);
  }
});
