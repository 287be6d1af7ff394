import { describe, expect, test } from 'vitest';
import { FILE, GOOD, lineOf, problemsOf, read } from './inventory.example.ts';

describe('given names that clash, when the inventory is read, then the second holder is named, with the first', () => {
  test('two connections', () => {
    expectOne(GOOD.replace('- name: southside-results', '- name: northside-orders'), {
      at: '- name: northside-orders\n    direction: results',
      path: 'connections[2].name',
      says: ["'northside-orders'", 'connection'],
    });
  });

  test('two feeds', () => {
    const second =
      '  - { name: lis-results, port: 21901, shard: 1, platforms: { legacy: { host: a, port: 1 }, new: { host: b, port: 1 } } }\n';
    expectOne(GOOD.replace('connections:\n', `${second}connections:\n`), {
      at: second,
      path: 'feeds[1].name',
      says: ["'lis-results'", 'feed'],
    });
  });

  test('a connection and a feed', () => {
    expectOne(GOOD.replace('- name: southside-results', '- name: lis-results'), {
      at: '- name: lis-results',
      path: 'connections[2].name',
      says: ["'lis-results'", 'feed', 'connection'],
    });
  });

  test('a connection and another one’s former name', () => {
    expectOne(GOOD.replace('- name: southside-results', '- name: north-orders'), {
      at: '- name: north-orders',
      path: 'connections[2].name',
      says: ["'north-orders'", 'previous name'],
    });
  });

  test('a connection and its own former name', () => {
    expectOne(GOOD.replace('[north-orders]', '[northside-orders]'), {
      at: 'previousNames:',
      path: 'connections[0].previousNames[0]',
      says: ["'northside-orders'", 'connection'],
    });
  });
});

describe('given ports that clash, when the inventory is read, then both holders and the port are named', () => {
  test('two feeds', () => {
    const text = GOOD.replace('port: 21900, shard: 1', 'port: 21001, shard: 0').replace('22900', '22901');
    const [problem] = problemsOf(text);
    expect(problem).toMatchObject({ path: 'connections[0].feed.port', line: lineOf(text, 'port: 21001\n') });
    expect(problem?.message).toContain('port 21001 of shard 0');
    expect(problem?.message).toContain('feed of northside-orders');
    expect(problem?.message).toContain('feed lis-results');
  });

  test('a leg and a feed', () => {
    expectOne(GOOD.replace('port: 22001', 'port: 21001'), {
      at: 'legs: { legacy: { port: 21001',
      path: 'connections[0].legs.legacy.port',
      says: ['port 21001', 'leg legacy of northside-orders', 'feed of northside-orders'],
    });
  });

  test('the two legs of one connection', () => {
    expectOne(GOOD.replace('port: 23001', 'port: 22001'), {
      at: 'legs: { legacy: { port: 22001',
      path: 'connections[0].legs.new.port',
      says: ['leg new of northside-orders', 'leg legacy of northside-orders'],
    });
  });

  test('shared legs of which one does not say what it matches', () => {
    expectOne(GOOD.replace('{ port: 22900, match: { MSH-5: SOUTHSIDE } }', '{ port: 22900 }'), {
      at: 'legs: { legacy: { port: 22900 }',
      path: 'connections[2].legs.legacy.port',
      says: ['port 22900 of shard 1', 'southside-results', 'northside-results'],
    });
  });

  test('shared legs that match the same outputs', () => {
    const text = GOOD.replace('22900, match: { MSH-5: SOUTHSIDE }', '22900, match: { MSH-5: NORTHSIDE }');
    expectOne(text, {
      at: '    legs: { legacy: { port: 22900, match: { MSH-5: NORTHSIDE } }, new: { port: 23900, match: { MSH-5: SOUTHSIDE',
      path: 'connections[2].legs.legacy.port',
      says: ['southside-results', 'northside-results', 'same `match`'],
    });
  });

  test.each([
    ['on other fields', '{ MSH-6: SOUTH }'],
    ['on more fields', '{ MSH-5: NORTHSIDE, MSH-6: SOUTH }'],
    ['on a part of the field', '{ MSH-5.1: SOUTHSIDE }'],
    ['on nothing', '{}'],
  ])('shared legs that match %s: an output could fit both, and the first would take it', (_, match) => {
    expectOne(GOOD.replace('22900, match: { MSH-5: SOUTHSIDE }', `22900, match: ${match}`), {
      at: `    legs: { legacy: { port: 22900, match: ${match} }, new: { port: 23900, match: { MSH-5: SOUTHSIDE`,
      path: 'connections[2].legs.legacy.port',
      says: ['southside-results', 'northside-results', 'one output can fit at once'],
    });
  });

  test('shared legs that differ in one field of several', () => {
    const text = GOOD.replace('22900, match: { MSH-5: SOUTHSIDE }', '22900, match: { MSH-6: LAB, MSH-5: SOUTHSIDE }');
    expect(problemsOf(text)).toEqual([]);
  });

  test('legs of both platforms on one port: the leg is what tells the platforms apart', () => {
    const text = GOOD.replace(
      'new: { port: 23900, match: { MSH-5: SOUTHSIDE',
      'new: { port: 22900, match: { MSH-5: SOUTHSIDE',
    );
    const problems = problemsOf(text);
    expect(problems.map(({ path }) => path)).toEqual(['connections[2].legs.new.port']);
    expect(problems[0]?.message).toContain('leg legacy of northside-results');
  });

  test.each([
    ['a leg', 'port: 22001', 'connections[0].legs.legacy.port'],
    ['a feed', 'port: 21001', 'connections[0].feed.port'],
  ])('%s and the admin API', (_, from, path) => {
    const text = GOOD.replace(from, 'port: 7443');
    expect(problemsOf(text)).toMatchObject([{ path, message: expect.stringContaining('admin API of shard 0') }]);
  });

  test('a leg and an admin API on the port that https implies', () => {
    const text = GOOD.replace('https://10.20.0.10:7443', 'https://10.20.0.10').replace('port: 22001', 'port: 443');
    expect(problemsOf(text)).toMatchObject([{ path: 'connections[0].legs.legacy.port' }]);
  });

  test('two gateways at one address', () => {
    expectOne(GOOD.replace('10.20.0.11', '10.20.0.10'), {
      at: '- { shard: 1',
      path: 'gateways[1].admin',
      says: ['shard 1', 'shard 0', 'https://10.20.0.10:7443'],
    });
  });
});

describe('given shards and feeds that do not fit, when the inventory is read', () => {
  test('then two gateways of one shard are named', () => {
    const text = GOOD.replace('shard: 1, admin', 'shard: 0, admin');
    const problems = problemsOf(text);
    expect(problems.map(({ path }) => path)).toEqual(['gateways[1].shard', 'feeds[0].shard']);
    expect(problems[0]?.message).toBe('shard 0 has two gateways');
    expect(problems[1]?.message).toBe('no gateway has shard 1');
  });

  test('then the shard of a feed of its own that no gateway has is named', () => {
    expectOne(GOOD.replace('port: 21001\n', 'port: 21001\n      shard: 5\n'), {
      at: '      shard: 5',
      path: 'connections[0].feed.shard',
      says: ['no gateway has shard 5'],
    });
  });

  test('then a feed that would come from the shard that it is of is named', () => {
    expectOne(GOOD.replace('port: 21001\n', 'port: 21001\n      movedFrom: 0\n'), {
      at: '      movedFrom: 0',
      path: 'connections[0].feed.movedFrom',
      says: ['shard 0', 'cannot come from there'],
    });
  });

  test('then a feed that does not exist is named', () => {
    const text = GOOD.replace('feed: lis-results\n    outputs', 'feed: lis-result\n    outputs');
    expectOne(text.replace(/22900, match: \{ MSH-5: SOUTHSIDE/, '22902, match: { MSH-5: SOUTHSIDE'), {
      at: 'feed: lis-result\n',
      path: 'connections[2].feed',
      says: ["no feed is named 'lis-result'"],
    });
  });

  test('then one output each on a shared feed needs the inputs that it applies to', () => {
    const text = GOOD.replace('    applies: { MSH-5: NORTHSIDE }\n', '');
    expect(problemsOf(text)).toMatchObject([
      { path: 'connections[1].outputs', remedy: expect.stringContaining('applies') },
    ]);
  });
});

describe('given several clashes, when the inventory is read', () => {
  test('then they are named at once, each at its own line', () => {
    const text = GOOD.replace('- name: southside-results', '- name: northside-results')
      .replace('port: 23001', 'port: 22001')
      .replace('    applies: { MSH-5: NORTHSIDE }\n', '');
    expect(problemsOf(text).map(({ line, path }) => [path, line])).toEqual([
      [
        'connections[2].name',
        lineOf(text, '- name: northside-results\n    direction: results\n    practice: southside'),
      ],
      ['connections[0].legs.new.port', lineOf(text, 'legs: { legacy: { port: 22001')],
      ['connections[1].outputs', lineOf(text, '- name: northside-results')],
    ]);
  });
});

describe('given a destination that connections share', () => {
  const emr = (more: string): string => `destination: { host: emr.northside, port: 34001${more} }`;
  /** The last two connections, of one shard, with the address of the first of them. */
  const both = (first: string, second: string): string =>
    GOOD.replace(emr(''), emr(first)).replace('destination: { host: emr.southside, port: 34002 }', emr(second));
  const SHARED = ', shared: true';

  test('each says so: it is one peer, of both', () => {
    const shared = read(both(SHARED, SHARED)).connections.map(({ destination }) => destination.isShared);
    expect(shared).toEqual([false, true, true]);
  });

  test.each([
    ['only the first says so', SHARED, '', '.shared', /only one of them says `shared`/],
    ['only the second says so', '', SHARED, '.shared', /only one of them says `shared`/],
    ['another framing', SHARED, `${SHARED}, framing: { start: 2 }`, '', /differ in `answer`, `framing`/],
  ])('%s', (_what, first, second, key, message) => {
    expect(problemsOf(both(first, second))).toMatchObject([
      { path: `connections[2].destination${key}`, message: expect.stringMatching(message) },
    ]);
  });

  test('in two shards: each would connect to it', () => {
    const orders = 'destination: { host: lis.internal, port: 33001, connections: 1 }';
    expect(
      problemsOf(
        both(SHARED, '')
          .replace(orders, emr(SHARED))
          .replace(`${emr('')}\n`, `${emr(SHARED)}\n`),
      ),
    ).toMatchObject([
      { path: 'connections[1].destination.shared', message: expect.stringContaining('shards 0 and 1') },
      { path: 'connections[2].destination.shared', message: expect.stringContaining('shards 0 and 1') },
    ]);
  });
});

type Expected = { readonly at: string; readonly path: string; readonly says: readonly string[] };

/** Exactly one problem, at the line where `at` begins, that says everything in `says`. */
function expectOne(text: string, { at, path, says }: Expected): void {
  const problems = problemsOf(text);
  expect(problems.map((problem) => problem.path)).toEqual([path]);
  for (const word of says) expect(problems[0]?.message).toContain(word);
  expect(problems[0]).toMatchObject({ file: FILE, line: lineOf(text, at) });
  expect(problems[0]?.remedy).not.toBe('');
}

describe('given endpoints that say who connects to whom', () => {
  const dialled = (more: string): string =>
    GOOD.replace('legs: { legacy: { port: 22001', `legs: { legacy: { connect: dial, port: 22001${more}`);

  test('a leg that is dialled has its host, its own TLS and local address, and takes no port of the gateway', () => {
    const tls = 'tls: { ca: legacy.pem, serverName: legacy.lab }';
    const text = dialled(`, host: legacy.internal, sourceAddress: 10.20.0.10, ${tls}`).replace('22001', '21001');
    const [orders] = read(text).connections;
    expect(orders?.legs.legacy).toMatchObject({
      port: 21001,
      tls: null,
      sourceAllow: null,
      dial: {
        host: 'legacy.internal',
        sourceAddress: '10.20.0.10',
        tls: { own: null, ca: 'legacy.pem', serverName: 'legacy.lab', minVersion: '1.2' },
      },
    });
    expect(orders?.legs.new.dial).toBeNull();
  });

  test.each([
    ['no host', '', 'host', /nothing says where/],
    ['an allow-list', ', host: a, sourceAllow: [10.0.0.1]', 'sourceAllow', /nobody else can connect/],
    ['clientAuth', ', host: a, tls: { ca: a.pem, clientAuth: required }', 'tls', /the sender is the TLS server/],
    ['half of a certificate', ', host: a, tls: { cert: a.pem }', 'tls', /belong together/],
  ])('dialled, with %s', (_what, more, key, message) => {
    const [problem, ...others] = problemsOf(dialled(more));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      path: `connections[0].legs.legacy.${key}`,
      message: expect.stringMatching(message),
    });
    expect(problem?.remedy).not.toBe('');
  });

  test.each([
    ['a host', ', host: a', 'host'],
    ['a local address', ', sourceAddress: 10.0.0.1', 'sourceAddress'],
    ['the name of a server', ', tls: { cert: a.pem, key: a.key, serverName: a }', 'tls'],
    ['TLS without a certificate', ', tls: { ca: a.pem }', 'tls'],
  ])('listening, with %s', (_what, more, key) => {
    const text = GOOD.replace('legs: { legacy: { port: 22001', `legs: { legacy: { port: 22001${more}`);
    expect(problemsOf(text).map(({ path }) => path)).toEqual([`connections[0].legs.legacy.${key}`]);
  });

  test('two feeds that dial one sender: it has one caller', () => {
    const at = 'connect: dial, host: emr.internal, port: 6661';
    const text = GOOD.replace('port: 21001', at).replace('port: 21900', at).replace('connect: dial', 'connect: dial');
    const yaml = text.replace(`${at}\n`, 'connect: dial\n      host: emr.internal\n      port: 6661\n');
    expect(problemsOf(yaml)).toMatchObject([{ message: expect.stringContaining('the sender at emr.internal:6661') }]);
  });
});
