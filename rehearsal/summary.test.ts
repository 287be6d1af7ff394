import { expect, test } from 'vitest';
import { rehearsalSchema } from '../core/rehearsal-document.ts';
import { GREEN } from './report/example.ts';
import { summaryText } from './summary.ts';

test('a green run says so, with counts and pauses', () => {
  const text = summaryText(GREEN, null);
  expect(text).toContain('GREEN: nothing lost, doubled or out of order');
  expect(text).toContain('sent 12,345   delivered 12,345   lost 0');
  expect(text).toMatch(/switch +8\.0 s +20 ms \/ 180 ms \/ 250 ms/);
  expect(rehearsalSchema.parse(GREEN)).toEqual(GREEN);
});

test('a red run names what went wrong, and never claims that nothing did', () => {
  const messages = { ...GREEN.messages, delivered: 12_344, lost: 1, altered: 2, exampleIds: ['lost: R000100000007'] };
  const text = summaryText(
    { ...GREEN, verdict: 'red', reasons: ['the count at the ends is not clean'], messages },
    null,
  );
  expect(text).toContain('lost 1');
  expect(text).toContain('2 altered');
  expect(text).toContain('lost: R000100000007');
  expect(text).toContain('RED: something is not as it must be\n  the count at the ends is not clean');
  expect(text).not.toContain('nothing lost');
});

test('a double that the gateway listed stays green, and is said', () => {
  const messages = { ...GREEN.messages, duplicatedListed: 1, maybeSent: 3, maybeSentIds: ['A', 'B', 'C'] };
  const text = summaryText({ ...GREEN, messages }, null);
  expect(text).toContain('GREEN: nothing lost or out of order, through every swap, under load; 1 double, each listed');
  expect(text).toContain('3 listed by the gateway as maybe sent, 1 doubled, and on that list');
});

test('swaps that aborted and were made later are said', () => {
  const swaps = GREEN.swaps.map((swap) => ({ ...swap, aborted: 3 }));
  expect(summaryText({ ...GREEN, swaps }, null)).toContain('250 ms   3 aborted, run again');
});

test('waits that began before their command are told apart from those of a swap', () => {
  const swaps = GREEN.swaps.map((swap) => ({ ...swap, outage: 'the new platform is dead' }));
  expect(summaryText({ ...GREEN, swaps }, null)).toContain('250 ms   before it: the new platform is dead');
  expect(summaryText(GREEN, null)).not.toContain('before it');
});

test('a fault is told with what was injected and how it was seen', () => {
  const trouble = {
    fault: 'gateway-dies',
    injected: [{ what: 'kill -9 of the gateway', count: null }],
    seen: [{ what: 'connections served again', count: 250 }],
  };
  const text = summaryText({ ...GREEN, fault: 'gateway-dies', trouble }, '/kept');
  expect(text).toMatch(
    /Fault gateway-dies, injected:\n +kill -9 of the gateway\nand seen:\n +250 {2}connections served again/,
  );
  expect(text).toContain('kept in /kept');
});
