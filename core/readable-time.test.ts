import { expect, test } from 'vitest';
import { readableTime } from './readable-time.ts';

test.each([
  ['2026-03-08T06:00:00.000Z', '2026-03-08 06:00 UTC'],
  ['2026-03-08T06:00Z', '2026-03-08 06:00 UTC'],
  ['2026-03-08T06:00:05Z', '2026-03-08 06:00:05 UTC'],
  ['2026-03-08T06:00:59.999Z', '2026-03-08 06:00:59 UTC'],
  ['2026-03-08T06:00:00+01:00', '2026-03-08T06:00:00+01:00'],
  ['unknown', 'unknown'],
])('%s is read as %s', (iso, read) => {
  expect(readableTime(iso)).toBe(read);
});
