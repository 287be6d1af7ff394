/** Who is logged in, for how long, and how often a wrong token may be tried. */
import { expect, test } from 'vitest';
import { Sessions } from './sessions.ts';

const MINUTE_MS = 60_000;
const ada = {
  name: 'ada',
  tokens: new Map([[0, 'secret']]),
  gateways: [{ shard: 0, role: 'move', complaint: null }],
};

test('a session is found by its cookie alone, and is over a quarter of an hour after its last action', () => {
  const sessions = new Sessions();
  const { cookie, session } = sessions.open(ada, 0);
  expect(cookie).not.toContain('secret');
  expect(sessions.find(cookie, 14 * MINUTE_MS)).toEqual(session);
  expect(sessions.find(`${cookie}x`, 0)).toBeNull();
  sessions.use(cookie, 14 * MINUTE_MS);
  expect(sessions.find(cookie, 28 * MINUTE_MS)).toEqual(session);
  expect(sessions.find(cookie, 30 * MINUTE_MS)).toBeNull();
});

test('looking does not keep it open, and a closed one is gone', () => {
  const sessions = new Sessions();
  const { cookie } = sessions.open(ada, 0);
  for (let minute = 1; minute <= 15; minute++) sessions.find(cookie, minute * MINUTE_MS);
  expect(sessions.find(cookie, 16 * MINUTE_MS)).toBeNull();
  const other = sessions.open(ada, 0).cookie;
  sessions.close(other);
  expect(sessions.find(other, 1)).toBeNull();
});

test('there are at most twenty; the one that was idle longest gives way', () => {
  const sessions = new Sessions();
  const cookies = Array.from({ length: 21 }, (_, index) => sessions.open(ada, index).cookie);
  expect(sessions.find(cookies[0] ?? '', 30)).toBeNull();
  expect(sessions.find(cookies[1] ?? '', 30)).not.toBeNull();
});

test('ten wrong tokens within a minute block everyone until it is over', () => {
  const sessions = new Sessions();
  for (let index = 0; index < 9; index++) sessions.noteFailure(index);
  expect(sessions.isBlocked(10)).toBe(false);
  sessions.noteFailure(10);
  expect(sessions.isBlocked(11)).toBe(true);
  expect(sessions.isBlocked(MINUTE_MS + 11)).toBe(false);
});
