import { expect, test } from 'vitest';
import { Cleanup } from './cleanup.ts';

test('ends things last first, goes on after a failure, and only once', async () => {
  const ended: string[] = [];
  const cleanup = new Cleanup();
  cleanup.add('database', () => void ended.push('database'));
  cleanup.add('gateway', () => Promise.reject(new Error('stuck')));
  cleanup.add('parties', async () => void ended.push('parties'));
  expect(await cleanup.run()).toEqual(['gateway: stuck']);
  expect(ended).toEqual(['parties', 'database']);
  expect(await cleanup.run()).toEqual([]);
  expect(ended).toHaveLength(2);
});
