/**
 * Rule 15, on a disk that has no room any more: copies that nobody is owed are given up, oldest first, and that is recorded,
 * shown, and asked about; what is owed is never given up, and new messages are refused instead.
 */
import { truncate } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const SMALL_DISK = resolve(import.meta.dirname, '../../gateway/testing/small-disk-main.ts');
const MAIN = resolve(import.meta.dirname, '../../gateway/main.ts');
const FILLING = `|${'x'.repeat(12_000)}`;
const SEGMENT_BYTES = 128 * 1024;
/** Some 2 MiB fit. */
const MOST_MESSAGES = 1000;
const BATCH = 10;

let estate: Estate;
let line: Line;
let sent: string[];

beforeEach(async () => {
  const connection = { outputs: 'zero-or-one', settle: '1ms', weightKey: ['ORC-2'] };
  estate = await startEstate({ line: { connection } }, true);
  await estate.init();
  // It was born for a large disk: what its first segment has ahead of need goes.
  await truncate(join(estate.dataDir, 'journal', 'segment-0000000001.journal'), SEGMENT_BYTES);
  estate.main = SMALL_DISK;
  estate.args = [];
  await estate.start();
  line = estate.line('line');
  line.legacy.answerAll();
  sent = [];
});
afterEach(() => estate?.close());

const gap = async () => (await line.status()).readiness?.shadowGap ?? null;

/** Each answered positively. */
async function send(count: number): Promise<void> {
  const source = await line.source();
  for (let index = 0; index < count; index++) {
    const id = `M${sent.length}`;
    expect(verdictOf(await source.exchange(order(id, FILLING)))).toBe(`AA|${id}`);
    sent.push(id);
  }
  source.socket.destroy();
}

/** Killed, and started where there is room. */
async function onALargerDisk(): Promise<void> {
  await estate.end('SIGKILL');
  estate.main = MAIN;
  await estate.start();
}

/** Until the oldest copies are given up. */
async function fill(): Promise<void> {
  while ((await gap()) === null) {
    if (sent.length > MOST_MESSAGES) throw new Error('the disk never became full');
    await send(BATCH);
  }
}

test('rule 15: on a full disk a backlog that nobody is owed is given up, oldest first, and the gap outlives a crash', async () => {
  await line.move('parallel');
  await line.new.down();
  await fill();
  await send(4 * BATCH);
  const before = await gap();
  expect(before).toMatchObject({ platform: 'new', epoch: 2 });
  const count = before?.count ?? 0;
  await onALargerDisk();
  expect(await gap()).toEqual(before);
  await send(1);
  const { rollbackReady, decisions, shadowLag } = await line.status();
  expect(rollbackReady.ready).toBe(false);
  expect(rollbackReady.reasons).toContain(
    `new did not get ${count} messages since ${before?.since}: their copies were given up`,
  );
  expect([decisions, shadowLag]).toEqual([1, sent.length - count]);
  expect(await estate.text('/metrics')).toContain(`cutover_shadow_gap_messages{connection="line"} ${count}`);

  line.new.answerAll();
  await line.new.up();
  await until(async () => expect((await line.status()).shadowLag).toBe(0));
  expect(line.new.ids.filter((id, index) => id !== line.new.ids[index - 1])).toEqual(sent.slice(count));
});

test('rule 9: a gap towards legacy makes the way back not ready, until a named person has resolved it', async () => {
  line.new.answerAll();
  await line.move('parallel');
  await line.move('switched');
  await line.legacy.down();
  await fill();
  line.legacy.answerAll();
  await line.legacy.up();
  await until(async () => expect((await line.status()).shadowLag).toBe(0));
  expect(await gap()).toMatchObject({ platform: 'legacy', epoch: 3 });
  expect(await estate.text('/metrics')).toContain('cutover_rollback_at_risk{connection="line"} 1');
  const decisions = async () => (await estate.call('GET', 'decisions')).body.decisions;
  expect(await decisions()).toMatchObject([{ cause: 'shadow-gap', connection: 'line', proposals: [], resolved: null }]);
  const [open] = (await decisions()) as { id: string }[];
  const answer = { action: 'discard', reason: 'the orders of that time were entered in legacy by hand' };
  expect((await estate.call('POST', `decisions/${open?.id}`, answer)).status).toBe(200);
  expect(await gap()).toBe(null);
  expect((await line.status()).rollbackReady).toEqual({ ready: true, reasons: [] });
  await onALargerDisk();
  expect(await gap()).toBe(null);
  expect(await decisions()).toMatchObject([{ resolved: { ...answer, by: 'local' } }]);
});

test('rule 15: on a full disk copies that are owed are never given up: new messages are refused', async () => {
  await line.move('parallel');
  await line.move('parallel', { newWeight: 50 });
  await line.new.down();
  const full = until(async () => expect(await estate.text('/readyz')).toContain('cannot be written')).then(
    () => 'full',
  );
  const source = await line.source();
  for (let verdict = 'AA'; verdict.startsWith('AA'); sent.push(`M${sent.length}`)) {
    // The one whose storing fails waits for the disk; whoever comes after it is told to try again.
    const waiting = source.exchange(order(`M${sent.length}`, FILLING));
    waiting.catch(() => undefined);
    verdict = await Promise.race([waiting.then(verdictOf), full]);
  }
  sent.pop();
  const other = await line.source();
  expect(verdictOf(await other.exchange(order('TOO-MUCH')))).toBe('AR|TOO-MUCH');
  // What cannot be written down has not happened, and does not happen later either, when nobody waits for it any more.
  const refused = await line.put('parallel', { newWeight: 0, reason: 'the disk is full', force: true });
  expect([refused.status, refused.body.code]).toEqual([503, 'journal-failed']);
  expect(await gap()).toBe(null);
  expect((await line.status()).shadowLag).toBe(sent.length);

  line.new.answerAll();
  await line.new.up();
  await onALargerDisk();
  await until(async () => expect((await line.status()).shadowLag).toBe(0));
  expect(new Set(line.new.ids).size).toBe(sent.length);
});
