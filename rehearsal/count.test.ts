import { describe, expect, test } from 'vitest';
import { countConnection, isClean, sumCounts } from './count.ts';
import type { ReceivedMessage, SentMessage } from './parties/records.ts';

const NOTHING_LISTED: ReadonlySet<string> = new Set();

function sent(key: string, outcome: SentMessage['outcome'] = 'accepted'): SentMessage {
  return { key, controlId: `S${key}`, digest: `body ${key}`, outcome, attempts: 1, pauseMs: 1 };
}

function received(key: string, over: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return { key, controlId: `D${key}`, digest: `body ${key}`, accepted: true, from: 'legacy', ...over };
}

describe('the count at the ends', () => {
  test('all there, in order: clean', () => {
    const count = countConnection(
      ['1', '2', '3'].map((key) => sent(key)),
      ['1', '2', '3'].map((key) => received(key)),
      NOTHING_LISTED,
    );
    expect(count).toMatchObject({ sent: 3, delivered: 3, lost: 0, duplicated: 0, reordered: 0 });
    expect(isClean(count)).toBe(true);
  });

  test('one missing is lost, by id', () => {
    const count = countConnection([sent('1'), sent('2')], [received('1')], NOTHING_LISTED);
    expect(count).toMatchObject({ lost: 1, delivered: 1, exampleIds: ['lost: S2'] });
  });

  test('one twice is doubled, and not out of order', () => {
    const count = countConnection(
      [sent('1'), sent('2')],
      [received('1'), received('2'), received('1')],
      NOTHING_LISTED,
    );
    expect(count).toMatchObject({ duplicated: 1, reordered: 0, delivered: 2 });
  });

  test('a double that the gateway listed stands apart', () => {
    const count = countConnection([sent('1')], [received('1'), received('1')], new Set(['D1']));
    expect(count).toMatchObject({ duplicated: 0, duplicatedListed: 1 });
  });

  test('an earlier message after a later one is out of order', () => {
    const count = countConnection(
      [sent('1'), sent('2'), sent('3')],
      [received('2'), received('1'), received('3')],
      NOTHING_LISTED,
    );
    expect(count).toMatchObject({ reordered: 1, lost: 0, duplicated: 0 });
  });

  test('what the destination refused does not count as delivered', () => {
    const count = countConnection([sent('1')], [received('1', { accepted: false }), received('1')], NOTHING_LISTED);
    expect(count).toMatchObject({ delivered: 1, duplicated: 0 });
    expect(countConnection([sent('1')], [received('1', { accepted: false })], NOTHING_LISTED).lost).toBe(1);
  });

  test('another body than was sent is altered', () => {
    expect(countConnection([sent('1')], [received('1', { digest: 'other' })], NOTHING_LISTED).altered).toBe(1);
  });

  test('never sent, or refused at the source: unexpected', () => {
    const count = countConnection([sent('1', 'rejected')], [received('1'), received('9')], NOTHING_LISTED);
    expect(count).toMatchObject({ unexpected: 2, rejected: 1 });
    expect(isClean(count)).toBe(false);
  });

  test('without an answer it may have arrived or not', () => {
    expect(isClean(countConnection([sent('1', 'unanswered')], [], NOTHING_LISTED))).toBe(true);
    expect(isClean(countConnection([sent('1', 'unanswered')], [received('1')], NOTHING_LISTED))).toBe(true);
  });

  test('equal bodies are matched as often as they were sent', () => {
    const twice = [sent('same'), sent('same')];
    expect(countConnection(twice, [received('same')], NOTHING_LISTED).lost).toBe(1);
    expect(isClean(countConnection(twice, [received('same'), received('same')], NOTHING_LISTED))).toBe(true);
    expect(
      countConnection(
        twice,
        [1, 2, 3].map(() => received('same')),
        NOTHING_LISTED,
      ).duplicated,
    ).toBe(1);
  });

  test('it says whose output each delivery was', () => {
    const arrivals = [received('1'), received('2', { from: 'new' }), received('3', { from: 'new' })];
    const count = countConnection(
      ['1', '2', '3'].map((key) => sent(key)),
      arrivals,
      NOTHING_LISTED,
    );
    expect(count).toMatchObject({ fromLegacy: 1, fromNew: 2 });
  });

  test('sums add up', () => {
    const one = countConnection([sent('1'), sent('2')], [received('1')], NOTHING_LISTED);
    expect(sumCounts([one, one])).toMatchObject({ sent: 4, delivered: 2, lost: 2 });
  });
});
