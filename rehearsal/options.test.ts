import { describe, expect, test } from 'vitest';
import { FAULT_NAMES } from './faults/names.ts';
import { HELP, parseOptions } from './options.ts';

describe('the command line of a rehearsal', () => {
  test('without options: a whole lab on two gateways, some practices on a shared feed', () => {
    const parsed = parseOptions([]);
    expect(parsed).toMatchObject({
      kind: 'run',
      options: { connections: 250, gateways: 2, ratePerSecond: 550, onSharedFeed: 3, keep: false, faults: [] },
    });
  });

  test('a look at it: one gateway, a feed a connection', () => {
    expect(parseOptions(['--connections', '24'])).toMatchObject({
      kind: 'run',
      options: { connections: 24, gateways: 1, ratePerSecond: 120, onSharedFeed: 0, keep: false, faults: [] },
    });
  });

  test.each([
    [['--connections', '23'], 0],
    [['--connections', '24'], 1],
    [[], 1],
    [['--connections', '24', '--fault', 'control-dies'], 0],
    [['--connections', '4', '--without-feed', '2'], 2],
    [['--connections', '24', '--without-feed', '0'], 0],
  ])('%j: so many connections without a feed: %j', (argv, withoutFeed) => {
    expect(parseOptions(argv)).toMatchObject({ kind: 'run', options: { withoutFeed } });
  });

  test('a flow without a feed is played in no night with a fault', () => {
    expect(parseOptions(['--fault', 'drift', '--without-feed', '1'])).toMatchObject({ kind: 'usage' });
  });

  test.each([
    [['--connections', '24'], true],
    [['--connections', '250'], false],
    [['--connections', '250', '--proof'], true],
    [['--connections', '250', '--fault', 'drift'], true],
    [['--connections', '250', '--fault', 'slow'], false],
  ])('%j: a worker runs: %j', (argv, proof) => {
    expect(parseOptions(argv)).toMatchObject({ kind: 'run', options: { proof } });
  });

  test('a small estate gets no more than it can carry', () => {
    expect(parseOptions(['--connections', '4'])).toMatchObject({
      kind: 'run',
      options: { ratePerSecond: 20, onSharedFeed: 0 },
    });
  });

  test('a large estate without a shared feed, where that is asked for', () => {
    expect(parseOptions(['--connections', '250', '--shared-feed', '0'])).toMatchObject({
      kind: 'run',
      options: { onSharedFeed: 0 },
    });
  });

  test.each([
    [['--connections', '0'], /--connections is '0'; it must be a whole number from 1 to/],
    [['--connections', 'many'], /whole number/],
    [['--connections', '2', '--rate', '100'], /--rate is '100'.* 1 to 20/],
    [['--connections', '10', '--shared-feed', '6'], /--shared-feed is '6'; it must be a whole number from 0 to 5/],
    [['--messages', '/nowhere/at/all'], /--messages: there is no folder/],
    [['--inventory', '/nowhere/at/all'], /--inventory: there is no file/],
    [['--fault', 'earthquake'], /--fault is 'earthquake'; it must be one of drift/],
    [['--fault', 'drift,earthquake'], /--fault is 'earthquake'/],
    [['--fault', 'drift,drift'], /each can be named once/],
    [
      ['--fault', 'control-dies,slow,database-down'],
      /control-dies and database-down take the place of the one rollback/,
    ],
    [['--fault', 'gateway-dies,disk-full'], /name it last, and disk-full in another night/],
    [['--fault', 'gateway-dies,slow'], /name it last/],
    [['--fault', 'backend-down,gateway-dies'], /name it last, and backend-down in another night/],
    [['--report', '/nowhere/at/all.html'], /--report: there is no folder/],
    [['--unheard-of'], /unheard-of/],
  ])('%j is a usage error', (argv, message) => {
    const parsed = parseOptions(argv);
    expect(parsed).toMatchObject({ kind: 'usage', message: expect.stringMatching(message) });
  });

  test('several faults are played in the order in which they are named', () => {
    expect(parseOptions(['--fault', 'slow,disk-full,gateway-dies'])).toMatchObject({
      kind: 'run',
      options: { faults: ['slow', 'disk-full', 'gateway-dies'], proof: false },
    });
    expect(parseOptions(['--fault', 'slow,drop'])).toMatchObject({ kind: 'run', options: { proof: true } });
  });

  test('the help names every option and fault', () => {
    expect(parseOptions(['--help'])).toEqual({ kind: 'help', text: HELP });
    for (const word of ['--messages', '--inventory', '--keep', '--json', '--report', ...FAULT_NAMES])
      expect(HELP).toContain(word);
  });
});
