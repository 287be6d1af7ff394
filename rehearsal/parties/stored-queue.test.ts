/** A platform's queue over a kill: what was taken and not passed on is there again, once. */
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StoredQueue } from './stored-queue.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stored-queue-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('comes back with what was not passed on, in order, and goes on counting', async () => {
  const file = join(folder, 'a.queue');
  const before = new StoredQueue(file);
  expect(before.left).toEqual([]);
  const [one, two, three] = ['one', 'two', 'three'].map((text) =>
    before.take([{ connection: 'a', bytes: Buffer.from(text) }]),
  );
  before.done(two ?? 0);
  // The kill came in the middle of a write.
  await appendFile(file, '{"number":4,"outp');

  const after = new StoredQueue(file);
  expect(after.left).toEqual([
    { number: one, outputs: [{ connection: 'a', bytes: Buffer.from('one') }] },
    { number: three, outputs: [{ connection: 'a', bytes: Buffer.from('three') }] },
  ]);
});
