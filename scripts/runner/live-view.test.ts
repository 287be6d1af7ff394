import { expect, test } from 'vitest';
import { formatLiveView, type LiveItem } from './live-view.ts';

const SCREEN = { columns: 80, rows: 24 };

function estate(count: number): LiveItem[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `practice-${index + 1}`,
    wave: index < 25 ? 'pilot' : 'main',
    state: 'steady',
    isThrough: index % 2 === 0,
  }));
}

test('250 connections fit on one screen, each as one mark', () => {
  const lines = formatLiveView({ verb: 'switch', items: estate(250), elapsedMs: 4_321, ...SCREEN });
  expect(lines.length).toBeLessThan(SCREEN.rows);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(SCREEN.columns);
  expect(lines[0]).toBe('switch: 125 of 250 through · 4.3 s');
  const marks = lines.slice(1, -1).join('');
  expect(marks.match(/✓/g)).toHaveLength(125);
  expect(marks.match(/·/g)).toHaveLength(125);
});

test('those in trouble come first and by name, then those under way', () => {
  const items: LiveItem[] = [
    { name: 'a', wave: 'pilot', state: 'draining', isThrough: false },
    { name: 'b', wave: 'pilot', state: 'not reachable', isThrough: false },
    { name: 'c', wave: 'pilot', state: 'steady', isThrough: true },
  ];
  expect(formatLiveView({ verb: 'rollback', items, elapsedMs: 0, ...SCREEN }).slice(0, 4)).toEqual([
    'rollback: 1 of 3 through, 1 in trouble · 0.0 s',
    '  ✗ b: not reachable',
    '  ◐ a: draining',
    'pilot         ◐✗✓',
  ]);
});

test('more trouble than a screen holds is counted', () => {
  const items = estate(40).map((item) => ({ ...item, state: 'fenced', isThrough: false }));
  const lines = formatLiveView({ verb: 'switch', items, elapsedMs: 0, ...SCREEN });
  expect(lines).toContain('  … and 32 more');
  expect(lines.length).toBeLessThan(SCREEN.rows);
});
