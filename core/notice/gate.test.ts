/** A red gate is told once, not at every question. */
import { expect, test } from 'vitest';
import { type GateSaid, noticeOfGate } from './gate.ts';

const SOURCE = {
  deployment: 'lab',
  stack: 'test',
  operator: 'ada',
  at: '2026-06-06T20:00:00Z',
  waves: ['pilot'],
  connections: ['a', 'b'],
};
const red = (...ids: string[]): GateSaid => ({
  verdict: ids.length === 0 ? 'green' : 'red',
  criteria: ['raid', 'window', 'people'].map((id) => ({ id, verdict: ids.includes(id) ? 'red' : 'green' })),
});
const told = (now: GateSaid, before: GateSaid | null): string | null =>
  noticeOfGate(now, before, SOURCE)?.title ?? null;

test('the first red one is told, with the criteria and for whom', () => {
  expect(noticeOfGate(red('raid', 'window'), null, SOURCE)).toEqual({
    events: ['red'],
    level: 'bad',
    title: 'gate: no go for 2 connections',
    facts: [
      ['stack', 'lab, test'],
      ['wave', 'pilot'],
      ['by', 'ada'],
      ['at', '2026-06-06T20:00:00Z'],
      ['red', 'raid, window'],
      ['asked for', 'a, b'],
    ],
  });
});

test('the same reds again, and fewer of them, are no news; another one is', () => {
  expect(told(red('raid', 'window'), red('raid', 'window'))).toBeNull();
  expect(told(red('raid'), red('raid', 'window'))).toBeNull();
  expect(told(red('raid', 'people'), red('raid', 'window'))).toBe('gate: no go for 2 connections');
  expect(told(red('raid'), red())).toBe('gate: no go for 2 connections');
});

test('green after red is told, green after green and green at first are not', () => {
  expect(told(red(), red('raid'))).toBe('gate: go again for 2 connections');
  expect(told(red(), red())).toBeNull();
  expect(told(red(), null)).toBeNull();
});
