/** What makes a rollback not ready beside the engine's own reasons: given the gauge, then the reasons. */
import { expect, test } from 'vitest';
import { type ReadinessFacts, readinessReasons } from './rollback-readiness.ts';

const MINUTE = 60_000;
const well: ReadinessFacts = {
  phase: 'switched',
  deliveredMs: 100 * MINUTE,
  legacyMatchMs: 99 * MINUTE,
  sinceMs: 0,
  certificateDays: 30,
  diskFreeBytes: 50 * 1024 ** 3,
};
const reasons = (over: Partial<ReadinessFacts>): string => readinessReasons({ ...well, ...over }).join('; ');

test('well, or nothing known to be wrong: no reason', () => {
  expect(reasons({})).toBe('');
  expect(reasons({ certificateDays: null, diskFreeBytes: null })).toBe('');
  expect(reasons({ deliveredMs: null, legacyMatchMs: null })).toBe('');
  expect(reasons({ legacyMatchMs: null, sinceMs: 96 * MINUTE })).toBe('');
});

test('new delivers and legacy makes nothing of the same messages', () => {
  expect(reasons({ legacyMatchMs: 94 * MINUTE })).toMatch(
    /legacy makes no outputs: the last one came at 1970-01-01T01:34/,
  );
  expect(reasons({ legacyMatchMs: null, sinceMs: 10 * MINUTE })).toMatch(/legacy makes no outputs: none was seen/);
  expect(reasons({ phase: 'parallel', legacyMatchMs: null })).toBe('');
});

test('certificates and disk, before the switch too', () => {
  for (const phase of ['parallel', 'switched'] as const) {
    expect(reasons({ phase, certificateDays: 6.5 })).toBe('a certificate of its gateway ends in 6 days');
    expect(reasons({ phase, certificateDays: -0.1 })).toBe('a certificate of its gateway has ended');
    expect(reasons({ phase, diskFreeBytes: 900 * 1024 ** 2 })).toBe('the disk with the captures has 900 MiB left');
  }
});
