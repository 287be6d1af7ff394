import { expect, test } from 'vitest';
import type { ConnectionLine, StatusDocument } from '../../core/documents.ts';
import { formatStatus, formatStatusScreen } from './print-status.ts';

const ROUTE = { phase: 'parallel', newWeight: 0, epoch: 4 } as const;

function line(index: number, agree: boolean | null): ConnectionLine {
  return {
    name: `practice-${String(index).padStart(3, '0')}`,
    practice: 'p',
    direction: 'orders',
    wave: index <= 25 ? 'pilot' : 'wave-1',
    phase: 'parallel',
    control: 'legacy',
    epoch: 4,
    state: 'steady',
    newWeight: 0,
    shadowLag: 0,
    rollbackReady: { ready: true, reasons: [] },
    truth: {
      config: agree === false ? { ...ROUTE, epoch: 3 } : ROUTE,
      pulumi: ROUTE,
      gateway: ROUTE,
      observed: agree === null ? 'not-yet-proven' : 'legacy',
      agree,
    },
  };
}

function document(agrees: (index: number) => boolean | null): StatusDocument {
  const connections = Array.from({ length: 250 }, (_, index) => line(index + 1, agrees(index + 1)));
  return { ok: false, connections, waivers: [], nextSteps: ['cutover sync --connection practice-200'] };
}

test('250 connections on one screen: sums, then the red one by name, then a mark each', () => {
  const lines = formatStatusScreen(
    document((index) => index !== 200),
    '02:00:00 UTC',
    { columns: 110, rows: 30 },
  );
  expect(lines.length).toBeLessThan(30);
  expect(lines[0]).toBe('250 connections: 250 parallel · 1 red, 0 not proven, 249 green · 02:00:00 UTC');
  expect(lines[2]).toMatch(/^✗ {2}practice-200 .* stack file: parallel, epoch 3$/);
  expect(lines.slice(3).join('').match(/✓/g)).toHaveLength(250);
  expect(lines.at(-1)).toBe('next: cutover sync --connection practice-200');
});

test('where more is not green than the screen has lines, the rest is counted and all marks still stand', () => {
  const lines = formatStatusScreen(
    document(() => null),
    '02:00:00 UTC',
    { columns: 80, rows: 24 },
  );
  expect(lines.length).toBeLessThan(24);
  for (const text of lines) expect(text.length).toBeLessThanOrEqual(80);
  expect(lines.join('\n')).toMatch(/… and 2\d\d more/);
  const marks = lines.filter((text) => /^(pilot|wave-1| +)\s*\?+$/.test(text)).join('');
  expect(marks.match(/\?/g)).toHaveLength(250);
});

test('on a narrow screen the sums take two lines: the time of the look is never cut', () => {
  const lines = formatStatusScreen(
    document((index) => index > 3),
    '02:00:00 UTC',
    { columns: 60, rows: 24 },
  );
  expect(lines.slice(0, 2)).toEqual(['250 connections: 250 parallel', '3 red, 0 not proven, 247 green · 02:00:00 UTC']);
  for (const text of lines) expect(text.length).toBeLessThanOrEqual(60);
  expect(lines.length).toBeLessThan(24);
});

test('a next step that is longer than the screen is wide is read to its end, and the marks stay', () => {
  const step = `stop what polls in legacy, then: cutover attest --connection archive-results --what stopped --by NAME`;
  const lines = formatStatusScreen({ ...document((index) => index > 3), nextSteps: [step] }, '02:00:00 UTC', {
    columns: 60,
    rows: 24,
  });
  expect(lines.slice(-2)).toEqual([
    'next: stop what polls in legacy, then: cutover attest',
    '      --connection archive-results --what stopped --by NAME',
  ]);
  expect(lines.length).toBeLessThan(24);
  expect(lines.join('').match(/✓/g)?.length).toBeGreaterThanOrEqual(247);
});

test('a connection that goes past its gateway says so, beside what else there is to say', () => {
  const [first] = document(() => false).connections;
  if (first === undefined) throw new Error('there are connections');
  const told = (path: ConnectionLine['path']): string =>
    formatStatus({ ok: false, connections: [{ ...first, path }], waivers: [], nextSteps: [] });
  expect(told('direct-legacy')).toMatch(/stack file: parallel, epoch 3; not through the gateway: direct to legacy/);
  expect(told('gateway')).not.toMatch(/through the gateway/);
  expect(told(null)).not.toMatch(/through the gateway/);
});

test('on 80 columns what is red says why: other columns make way, a state that is not steady goes with the reason', () => {
  const [red, held] = document(() => true).connections;
  if (red === undefined || held === undefined) throw new Error('there are connections');
  const ready = { ready: false, reasons: ['the shadow is 1204 messages behind'] };
  const connections: ConnectionLine[] = [
    { ...red, phase: 'switched', control: 'new', rollbackReady: ready },
    { ...held, state: 'held' },
  ];
  const at = (columns: number): string =>
    formatStatusScreen({ ok: false, connections, waivers: [], nextSteps: [] }, '02:00:00 UTC', {
      columns,
      rows: 24,
    }).join('\n');
  expect(at(200)).toMatch(/wave +phase +control +epoch +state +lag +remark/);
  expect(at(80)).toMatch(/✗ {2}practice-001 +.*1204 messages behind$/m);
  expect(at(80)).not.toMatch(/wave +phase/);
  expect(at(80)).toMatch(/\? {2}practice-002 +.*held/);
});

test('what a gateway that is silent says of all its connections is said once, below the table', () => {
  const silent = 'the gateway of shard 0 cannot be reached';
  const connections = document(() => true).connections.map(
    (one, index): ConnectionLine =>
      index < 125
        ? {
            ...one,
            rollbackReady: { ready: false, reasons: [silent] },
            truth: { ...one.truth, gateway: null, agree: null },
          }
        : one,
  );
  const text = formatStatus({ ok: false, connections, waivers: [], nextSteps: [] });
  expect(text.match(/not read \[1\]/g)).toHaveLength(125);
  expect(text.match(new RegExp(silent, 'g'))).toHaveLength(1);
  expect(text).toContain(`\n[1] ${silent}\n`);
});
