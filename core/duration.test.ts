import { describe, expect, test } from 'vitest';
import { parseDurationMs } from './duration.ts';

describe('given a duration as people write it', () => {
  test.each([
    ['0ms', 0],
    ['250ms', 250],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('then %s is %i milliseconds', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  test.each([
    '',
    '10',
    's',
    '1.5s',
    '-1s',
    '10 s',
    '10S',
    '10sec',
    '1h30m',
    '1234567890s',
    ' 1s',
    '1s\n',
  ])('then %j is none', (text) => {
    expect(parseDurationMs(text)).toBeNull();
  });
});
