/** The watch wakes people for what lasts, once, and says when it is over. */
import { expect, test } from 'vitest';
import type { Tile } from '../war-room/board.ts';
import type { Notice } from './notice.ts';
import { NOTHING_SEEN, WATCH_LIMITS, type WatchState, watch } from './watch.ts';

const FINE: Tile = {
  name: 'a',
  practice: 'p',
  direction: 'orders',
  wave: 'pilot',
  feed: 'a',
  shard: 0,
  owner: 'team',
  phase: 'parallel',
  control: 'legacy',
  epoch: 2,
  newWeight: 0,
  state: 'steady',
  inFlight: 0,
  owed: 0,
  lag: 0,
  decisions: 0,
  received: 1,
  delivered: 1,
  maybeSent: 0,
  rollbackReady: true,
  comparison: null,
  verdict: 'fine',
  reasons: [],
};
const BAD: Tile = { ...FINE, verdict: 'bad', reasons: ['1 decision waits'] };

/** A night as the watch sees it: at each moment these tiles. */
function night(moments: readonly (readonly [second: number, tiles: readonly Tile[]])[]): string[] {
  let state: WatchState = NOTHING_SEEN;
  const told: string[] = [];
  for (const [second, tiles] of moments) {
    const looked = { tiles, deployment: 'lab', stack: 'test', nowMs: 1_000_000 + second * 1000 };
    const result = watch(state, looked);
    state = result.state;
    told.push(...result.notices.map(({ title }: Notice) => `${second}: ${title}`));
  }
  return told;
}

const LASTS = WATCH_LIMITS.lastsMs / 1000;

test('what is well from the start is not told', () => {
  expect(
    night([
      [0, [FINE]],
      [60, [FINE]],
      [120, [FINE]],
    ]),
  ).toEqual([]);
});

test('red is told once it has lasted, and once; then that it is well again', () => {
  expect(
    night([
      [0, [FINE]],
      [1, [BAD]],
      [5, [BAD]],
      [1 + LASTS, [BAD]],
      [60, [BAD]],
      [61, [FINE]],
      [65, [FINE]],
      [61 + LASTS, [FINE]],
      [200, [FINE]],
    ]),
  ).toEqual([
    `${1 + LASTS}: 1 connection needs somebody now`,
    `${61 + LASTS}: Well again: nothing needs somebody any more`,
  ]);
});

test('what is over before it has lasted wakes nobody', () => {
  expect(
    night([
      [0, [FINE]],
      [1, [BAD]],
      [4, [FINE]],
      [30, [FINE]],
      [31, [BAD]],
      [35, [FINE]],
      [90, [FINE]],
    ]),
  ).toEqual([]);
});

test('a gateway that does not answer is red too', () => {
  const unknown: Tile = { ...FINE, verdict: 'unknown', phase: null, reasons: ['its gateway does not answer'] };
  expect(
    night([
      [0, [unknown]],
      [LASTS, [unknown]],
    ]),
  ).toEqual([`${LASTS}: 1 connection needs somebody now`]);
});

test('more of it is told again, but not before five minutes', () => {
  const more = [BAD, { ...BAD, name: 'b' }];
  const told = night([
    [0, [BAD]],
    [LASTS, [BAD]],
    [30, more],
    [200, more],
    [LASTS + 300, more],
    [700, more],
  ]);
  expect(told).toEqual([
    `${LASTS}: 1 connection needs somebody now`,
    `${LASTS + 300}: 2 connections need somebody now`,
  ]);
});

test('a wave is through when all of it is switched and proven; one that was so before is not told', () => {
  const switched: Tile = { ...FINE, phase: 'switched', control: 'new', epoch: 3 };
  const unproven: Tile = { ...switched, name: 'b', verdict: 'watch', reasons: ['no message has proven epoch 3 yet'] };
  const before: Tile = { ...switched, name: 'c', wave: 'early' };
  expect(
    night([
      [0, [FINE, { ...FINE, name: 'b' }, before]],
      [1, [switched, unproven, before]],
      [2, [switched, { ...switched, name: 'b' }, before]],
      [3, [switched, { ...switched, name: 'b' }, before]],
    ]),
  ).toEqual(['2: Wave pilot is through: 2 connections are switched, and a message has proven each']);
});
