import { describe, expect, test } from 'vitest';
import { FILE, GOOD, lineOf, problemsOf } from './inventory.example.ts';

describe('given a mistake in one value, when the inventory is read, then it is named where it stands', () => {
  test.each<[string, string, string, string, RegExp]>([
    [
      'an unknown key at the top',
      'deployment: lab-prod-1\n',
      'deployment: lab-prod-1\nregion: eu\n',
      'region',
      /unknown key 'region'/,
    ],
    [
      'an unknown key of a connection',
      'contract: lab-orders',
      'contracts: lab-orders',
      'connections[0].contracts',
      /unknown key 'contracts'/,
    ],
    [
      'an unknown key of a feed of its own',
      'port: 21001\n',
      'port: 21001\n      acktimeout: 3s\n',
      'connections[0].feed.acktimeout',
      /unknown key 'acktimeout'/,
    ],
    [
      'a misspelt port in a feed of its own',
      'port: 21001\n',
      'port: twenty\n',
      'connections[0].feed.port',
      /'twenty'; it must be a number/,
    ],
    [
      'a missing platform in a feed of its own',
      ', new: { host: new.internal, port: 32001, answerTimeout: 3s } }',
      ' }',
      'connections[0].feed.platforms.new',
      /'new' is missing/,
    ],
    [
      'a feed that is neither name nor object',
      'feed: lis-results\n    outputs',
      'feed: 7\n    outputs',
      'connections[2].feed',
      /name of a shared feed/,
    ],
    [
      'a feed’s name that is no name',
      'feed: lis-results\n    outputs',
      'feed: LIS Results\n    outputs',
      'connections[2].feed',
      /a name is 1 to 63/,
    ],
    [
      'a name with capitals',
      'name: northside-orders',
      'name: Northside_Orders',
      'connections[0].name',
      /a name is 1 to 63/,
    ],
    ['a duration without a unit', 'settle: 250ms', 'settle: 250', 'connections[2].settle', /a whole number and a unit/],
    [
      'a duration with a wrong unit',
      'settle: 250ms',
      'settle: 3 weeks',
      'connections[2].settle',
      /250ms, 10s, 5m, 2h, 7d/,
    ],
    ['a port beyond the last', 'port: 33001', 'port: 65536', 'connections[0].destination.port', /the most is 65535/],
    ['a destination on port 0', 'port: 33001', 'port: 0', 'connections[0].destination.port', /the least is 1/],
    [
      'two sockets to a destination',
      'connections: 1 }',
      'connections: 2 }',
      'connections[0].destination.connections',
      /it can be 1/,
    ],
    [
      'a direction that does not exist',
      'direction: orders',
      'direction: outbound',
      'connections[0].direction',
      /orders.*results/,
    ],
    ['a count that does not exist', 'outputs: zero-or-one', 'outputs: two', 'connections[2].outputs', /zero-or-one/],
    [
      'a change-over that there is none of',
      '    outputs: one\n',
      '    outputs: one\n    changeOver: at-once\n',
      'connections[0].changeOver',
      /quiesce.*at-offset/,
    ],
    ['a path that is none', 'weightKey: [PID-3.1]', 'weightKey: [PID.3]', 'connections[0].weightKey[0]', /PID-3\.1/],
    [
      'an empty correlation',
      'correlate: [MSH-10]',
      'correlate: []',
      'connections[0].correlate',
      /0 entries; the least is 1/,
    ],
    [
      'a predicate on what is no path',
      'applies: { MSH-5: NORTHSIDE }',
      'applies: { site: NORTHSIDE }',
      'connections[1].applies.site',
      /HL7 field path/,
    ],
    [
      'a handling that does not exist',
      'handling: gated',
      'handling: ignored',
      'connections[0].effects[0].handling',
      /gated.*fenced.*harmless/,
    ],
    ['an admin address without TLS', 'https://10.20.0.10:7443', 'http://10.20.0.10:7443', 'gateways[0].admin', /https/],
    [
      'a window with a day that does not exist',
      'days: [sat, sun]',
      'days: [sat, sunday]',
      'defaults.window.days[1]',
      /sun/,
    ],
    ['framing of one end byte', 'end: [3, 13]', 'end: [3]', 'connections[0].legs.new.framing.end', /2/],
    [
      'a retry memory deeper than one',
      'within: 30m',
      'within: 30m, depth: 2',
      'connections[0].feed.retry.depth',
      /it can be 1/,
    ],
  ])('%s', (_, from, to, path, message) => {
    expect(GOOD).toContain(from);
    const text = GOOD.replace(from, to);
    const problems = problemsOf(text);
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.message).toMatch(message);
    expect(problems[0]?.file).toBe(FILE);
    expect(problems[0]?.remedy).not.toBe('');
    expect(Math.abs((problems[0]?.line ?? 0) - lineOf(text, firstChange(text)))).toBeLessThanOrEqual(
      path.endsWith('platforms.new') ? 1 : 0,
    );
  });

  test('several mistakes are named at once, each at its own line', () => {
    const text = GOOD.replace('direction: orders', 'direction: outbound')
      .replace('settle: 250ms', 'settle: soon')
      .replace('port: 33001', 'port: 70000')
      .replace('shard: 1, ackTimeout', 'shard: one, ackTimeout');
    const found = problemsOf(text).map(({ line, path }) => [path, line]);
    expect(found.sort()).toEqual(
      [
        ['connections[0].destination.port', lineOf(text, 'port: 70000')],
        ['connections[0].direction', lineOf(text, 'direction: outbound')],
        ['connections[2].settle', lineOf(text, 'settle: soon')],
        ['feeds[0].shard', lineOf(text, 'shard: one')],
      ].sort(),
    );
  });
});

/** The first line that differs from the good inventory. */
function firstChange(text: string): string {
  const lines = GOOD.split('\n');
  return text.split('\n').find((line, index) => line !== lines[index]) ?? '';
}
