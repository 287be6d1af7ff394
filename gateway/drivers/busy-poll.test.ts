/** Busy polling: for a lone message, where it pays off, and nowhere else. */
import { expect, test } from 'vitest';
import { BusyPoll } from './busy-poll.ts';

const MESSAGES = 1000;

/** A loop of its own: each turn takes 10 µs. `pass` runs turns as long as the loop would not sleep, for so long at most. */
function loop(processors = 2) {
  let nowMs = 0;
  let turns = 0;
  let deferred: (() => void)[] = [];
  const poll = new BusyPoll({ clock: () => nowMs, defer: (run) => void deferred.push(run), processors });
  const pass = (forMs: number): void => {
    const untilMs = nowMs + forMs;
    while (deferred.length > 0 && nowMs < untilMs) {
      nowMs += 0.01;
      turns++;
      const due = deferred;
      deferred = [];
      for (const run of due) run();
    }
    nowMs = Math.max(nowMs, untilMs);
  };
  return { poll, pass, isAwake: () => deferred.length > 0, turns: () => turns };
}

/** Of one feed: its sender, its platform, the disk. */
const CHAIN = [1, 2, null];
const socketOf = (event: number): number | null => CHAIN[event % CHAIN.length] ?? null;

/** For how many events the loop is awake 0.1 ms later, when the next one comes; each `lateEvery`-th comes 5 ms after that. */
function awakeFor(lateEvery = Number.POSITIVE_INFINITY): number {
  const { poll, pass, isAwake } = loop();
  let awake = 0;
  for (let event = 0; event < MESSAGES; event++) {
    poll.event(socketOf(event));
    pass(0.1);
    if (isAwake()) awake++;
    if (event % lateEvery === lateEvery - 1) pass(5);
  }
  return awake;
}

test('given answers that come at once, when one message follows another, then the loop is awake for nearly each of them', () => {
  // Two sockets are new at first.
  expect(awakeFor()).toBeGreaterThan(0.9 * MESSAGES);
});

test('given two feeds, however quick their answers, then it is left to sleep: others need the processor', () => {
  const { poll, pass, turns } = loop();
  const sockets = [1, 2, 3, 4];
  for (let event = 0; event < MESSAGES; event++) {
    poll.event(sockets[event % sockets.length] ?? null);
    pass(0.1);
  }
  expect(turns()).toBe(0);
});

test('given answers of which one in ten is late, then it stays awake for nearly all', () => {
  expect(awakeFor(10)).toBeGreaterThan(0.8 * MESSAGES);
});

test('given answers that take milliseconds, then hardly a turn is spent on them', () => {
  const { poll, pass, turns } = loop();
  for (let event = 0; event < 10 * MESSAGES; event++) {
    poll.event(socketOf(event));
    pass(3);
  }
  // Once after each calm of 64, 128, … 4096 events.
  expect(turns() * 0.01).toBeLessThan(10 * 0.42);
});

test('given several events in a turn, then the loop goes on as it would without', () => {
  const { poll, pass, turns } = loop();
  for (let event = 0; event < MESSAGES; event++) {
    for (let piece = 0; piece < 5; piece++) poll.event(1);
    pass(0.1);
  }
  expect(turns()).toBeLessThanOrEqual(MESSAGES);
});

test('given one processor, then it is left to others', () => {
  const { poll, isAwake } = loop(1);
  for (let event = 0; event < MESSAGES; event++) poll.event(socketOf(event));
  expect(isAwake()).toBe(false);
});
