import { expect, test } from 'vitest';
import { PayloadCache } from './payload-cache.ts';

const LIMIT_BYTES = 1000;
const payload = (offset: number): Uint8Array => new Uint8Array(10).fill(offset);
const kept = (cache: PayloadCache, upTo: number): number[] =>
  Array.from({ length: upTo }, (_, index) => index + 1).filter((offset) => cache.has(offset));

test('the newest half of what it may keep is there, and never more than all of it', () => {
  const cache = new PayloadCache(LIMIT_BYTES);
  for (let offset = 1; offset <= 1234; offset++) {
    cache.put(offset, payload(offset));
    const newest = Math.min(offset, LIMIT_BYTES / 2 / 10);
    for (let back = 0; back < newest; back++) expect(cache.get(offset - back)).toEqual(payload(offset - back));
    expect(kept(cache, offset).length * 10).toBeLessThanOrEqual(LIMIT_BYTES + 10);
  }
  expect(cache.get(1)).toBe(null);
});
