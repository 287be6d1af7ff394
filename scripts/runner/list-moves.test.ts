import { expect, test } from 'vitest';
import type { PlannedMove } from '../../core/plan.ts';
import { listMoves } from './list-moves.ts';

function moves(count: number): PlannedMove[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `practice-${index}`,
    shard: 0,
    verb: 'switch',
    from: { phase: index === 0 ? 'legacy' : 'parallel', newWeight: 0, epoch: 3 },
    to: { phase: 'switched', newWeight: 0, epoch: 4 },
    reason: null,
    approval: null,
  }));
}

const selected = Array.from({ length: 250 }, (_, index) => ({
  name: `practice-${index}`,
  wave: index < 25 ? 'pilot' : 'wave-1',
}));

test('a few moves are named, with the epoch that each makes', () => {
  expect(listMoves(moves(2), selected)).toEqual([
    '  practice-0: legacy → switched (epoch 4)',
    '  practice-1: parallel → switched (epoch 4)',
  ]);
});

test('250 moves are four lines: what the question is about stays on the screen', () => {
  expect(listMoves(moves(250), selected)).toEqual([
    '  pilot: legacy → switched, 1 connection',
    '  pilot: parallel → switched, 24 connections',
    '  wave-1: parallel → switched, 225 connections',
    '  (each by name: --dry-run --json)',
  ]);
});
