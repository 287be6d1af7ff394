import { expect, test } from 'vitest';
import { percentile, type RehearsalResult, rehearsalSchema } from './result.ts';
import { summaryText } from './summary.ts';

const GREEN: RehearsalResult = {
  verdict: 'green',
  reasons: [],
  connections: 250,
  seed: '1',
  ratePerSecond: 500,
  fault: null,
  messages: {
    sent: 12_345,
    delivered: 12_345,
    fromLegacy: 6000,
    fromNew: 6345,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    maybeSent: 0,
    altered: 0,
    unexpected: 0,
    rejected: 0,
    unanswered: 0,
    duplicatedListed: 0,
    misanswered: 0,
    exampleIds: [],
  },
  swaps: [{ step: 'switch', connections: 250, pauseMs: { p50: 20.4, p99: 180, max: 250 }, wallMs: 8000 }],
  steps: [{ name: 'switch', wallMs: 8000 }],
  report: null,
};

test('a green run says so, with counts and pauses', () => {
  const text = summaryText(GREEN);
  expect(text).toContain('GREEN: nothing lost, doubled or out of order');
  expect(text).toContain('sent 12,345   delivered 12,345   lost 0');
  expect(text).toMatch(/switch +8\.0 s +20 ms \/ 180 ms \/ 250 ms/);
  expect(rehearsalSchema.parse(GREEN)).toEqual(GREEN);
});

test('a red run names what went wrong, and never claims that nothing did', () => {
  const messages = { ...GREEN.messages, delivered: 12_344, lost: 1, altered: 2, exampleIds: ['lost: R000100000007'] };
  const text = summaryText({ ...GREEN, verdict: 'red', reasons: ['the count at the ends is not clean'], messages });
  expect(text).toContain('lost 1');
  expect(text).toContain('2 altered');
  expect(text).toContain('lost: R000100000007');
  expect(text).toContain('RED\n  the count at the ends is not clean');
  expect(text).not.toContain('nothing lost');
});

test('percentiles by nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 100]);
  expect(percentile([], 0.5)).toBe(0);
});
