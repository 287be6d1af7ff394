import { expect, test } from 'vitest';
import { formatLiveView, type LiveItem } from './live-view.ts';

const SCREEN = { columns: 80, rows: 24 };

function estate(count: number): LiveItem[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `practice-${index + 1}`,
    wave: index < 25 ? 'pilot' : 'main',
    state: 'steady',
    isThrough: index % 2 === 0,
    heldMs: null,
    reason: null,
  }));
}

test('250 connections fit on one screen, each as one mark', () => {
  const lines = formatLiveView({
    verb: 'switch',
    items: estate(250),
    elapsedMs: 4_321,
    windowLeftMs: 11_520_000,
    ...SCREEN,
  });
  expect(lines.length).toBeLessThan(SCREEN.rows);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(SCREEN.columns);
  expect(lines[0]).toBe('switch: 125 of 250 through · 4.3 s · window closes in 3 h 12 min');
  const marks = lines.slice(1, -1).join('');
  expect(marks.match(/✓/g)).toHaveLength(125);
  expect(marks.match(/·/g)).toHaveLength(125);
});

test('those in trouble come first and by name with the reason, then those under way, longest hold first', () => {
  const item = (name: string, state: string, heldMs: number | null, reason: string | null = null): LiveItem => {
    return { name, wave: 'pilot', state, isThrough: state === 'steady', heldMs, reason };
  };
  const items = [
    item('a', 'draining', 400),
    item('b', 'not reachable', null),
    item('c', 'steady', 900),
    item('d', 'aborted', 2_500, 'not drained within 2500 ms'),
    item('e', 'draining', 1_200),
  ];
  expect(formatLiveView({ verb: 'rollback', items, elapsedMs: 0, windowLeftMs: null, ...SCREEN }).slice(0, 6)).toEqual([
    'rollback: 1 of 5 through, 2 in trouble · 0.0 s · longest hold 2.5 s',
    '  ✗ b: not reachable',
    '  ✗ d: aborted: not drained within 2500 ms',
    '  ◐ e: draining, held 1.2 s',
    '  ◐ a: draining, held 0.4 s',
    'pilot         ◐✗✓✗◐',
  ]);
});

test('more trouble than a screen holds is counted', () => {
  const items = estate(40).map((item) => ({ ...item, state: 'fenced', isThrough: false }));
  const lines = formatLiveView({ verb: 'switch', items, elapsedMs: 0, windowLeftMs: null, ...SCREEN });
  expect(lines).toContain('  … and 32 more');
  expect(lines.length).toBeLessThan(SCREEN.rows);
});

test('a small terminal still shows the head, who is in trouble, and all marks', () => {
  const items = estate(250).map((item, index) => (index === 7 ? { ...item, state: 'fenced', isThrough: false } : item));
  const lines = formatLiveView({ verb: 'switch', items, elapsedMs: 0, windowLeftMs: null, columns: 60, rows: 12 });
  expect(lines.length).toBeLessThan(12);
  expect(lines[1]).toBe('  ✗ practice-8: fenced');
  expect(lines.join('').match(/[·✓✗]/g)?.length).toBeGreaterThanOrEqual(250);
});

test('where the head does not fit, the time that is left goes on the next line; what is cut is seen to go on', () => {
  const items = estate(250).map((item, index) =>
    index === 3 ? { ...item, state: 'aborted', heldMs: 2_500, reason: 'not drained within 2500 ms: '.repeat(4) } : item,
  );
  const view = { verb: 'switch', items, elapsedMs: 6_300, windowLeftMs: 3_700_000 };
  const lines = formatLiveView({ ...view, ...SCREEN });
  expect(lines.slice(0, 2)).toEqual([
    'switch: 125 of 250 through, 1 in trouble · 6.3 s · longest hold 2.5 s',
    'window closes in 1 h 01 min',
  ]);
  expect(lines[2]).toMatch(/^ {2}✗ practice-4: aborted: not drained .*…$/);
  expect(lines.length).toBeLessThan(SCREEN.rows);
});
