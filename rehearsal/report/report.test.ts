import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { axis } from './charts.ts';
import { GREEN } from './example.ts';
import { placeOf, writeBoth } from './place.ts';
import { reportHtml } from './report.ts';

describe('the report', () => {
  test('stands alone: no script, nothing fetched', () => {
    const html = reportHtml(GREEN);
    expect(html).not.toMatch(/<script|src=|href=|@import|url\(/);
    expect(html.match(/<svg/g)).toHaveLength(2);
    expect(html).toContain('prefers-color-scheme: dark');
  });

  test('says the verdict first, then what was counted, and how to run it again', () => {
    const html = reportHtml(GREEN);
    const order = ['GREEN', '12,345', 'What was done', 'The wait that senders felt', 'Time per step', GREEN.command];
    const at = order.map((text) => html.indexOf(text));
    expect(at.every((position) => position > 0)).toBe(true);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
  });

  test('says how connections without a feed were moved, where there were any', () => {
    expect(reportHtml({ ...GREEN, withoutFeed: 1 })).toContain('One of them has no feed: a platform polls a table');
    expect(reportHtml({ ...GREEN, withoutFeed: 0 })).not.toContain('no feed');
  });

  test('text that comes from outside cannot become markup', () => {
    const reasons = ['<img onerror=x> & "more"'];
    const html = reportHtml({ ...GREEN, verdict: 'red', reasons, seed: '<b>' });
    expect(html).toContain('&lt;img onerror=x&gt; &amp; &quot;more&quot;');
    expect(html).not.toContain('<img');
    expect(html).not.toContain('<dd><b>');
  });

  test('a fault stands with what was injected and how it was seen', () => {
    const trouble = {
      fault: 'nak',
      injected: [{ what: 'messages refused', count: 12 }],
      seen: [{ what: 'copies recorded as rejected', count: 12 }],
    };
    const html = reportHtml({ ...GREEN, fault: 'nak', trouble });
    expect(html.indexOf('messages refused')).toBeLessThan(html.indexOf('copies recorded as rejected'));
  });

  test('waits that began before their command are said to', () => {
    const swaps = GREEN.swaps.map((swap) => ({ ...swap, outage: 'the new platform is dead' }));
    expect(reportHtml({ ...GREEN, swaps })).toContain(
      'Before switch: the new platform is dead. Its waits begin with that',
    );
    expect(reportHtml(GREEN)).not.toContain('Its waits begin with that');
  });

  test('a rehearsal that ended before anything was swapped has a report too', () => {
    const html = reportHtml({ ...GREEN, verdict: 'failed', reasons: ['no engine'], swaps: [], samples: [] });
    expect(html).toContain('No route was changed');
    expect(html).not.toContain('Counted at both ends');
    expect(html).not.toContain('<svg');
  });
});

describe('its place', () => {
  const at = new Date('2026-01-05T22:15:07.123Z');

  test.each([
    ['/srv/r.html', {}, '/srv/r.html', '/srv/r.json'],
    ['/srv/report', {}, '/srv/report', '/srv/report.json'],
    [
      null,
      { XDG_STATE_HOME: '/s' },
      '/s/cutover/rehearsal-report-20260105-221507.html',
      expect.stringMatching(/507\.json$/),
    ],
    [
      null,
      { XDG_STATE_HOME: 'relative' },
      expect.stringMatching(/\.local\/state\/cutover\/rehearsal-report/),
      expect.anything(),
    ],
  ])('%j with %j', (wanted, env, html, json) => {
    expect(placeOf(wanted, at, env)).toEqual({ html, json });
  });

  test('folders on the way are made', () => {
    const folder = mkdtempSync(join(tmpdir(), 'report-place-'));
    try {
      const place = placeOf(null, at, { XDG_STATE_HOME: join(folder, 'state') });
      writeBoth(place, 'page', '{}');
      expect([place.html, place.json].map((file) => readFileSync(file, 'utf8'))).toEqual(['page', '{}']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test.each([
  [426, 5, [0, 100, 200, 300, 400, 500]],
  [550, 4, [0, 200, 400, 600]],
  [1, 5, [0, 1]],
])('an axis up to %d in about %d steps', (most, wanted, ticks) => {
  expect(axis(most, wanted)).toEqual({ ticks, end: ticks.at(-1) });
});
