/** The command line: what is taken, what is refused and how. */
import { expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';

const FILES = ['--inventory', 'i.yaml', '--data-dir', 'd'];

test('init and serving, with their defaults', () => {
  expect(parseArguments(['init', ...FILES])).toEqual({
    ok: true,
    value: { command: 'init', inventory: 'i.yaml', dataDir: 'd', shard: 0, target: 'local' },
  });
  expect(parseArguments(['init', ...FILES, '--shard', '2', '--target', 'production'])).toMatchObject({
    value: { shard: 2, target: 'production' },
  });
  expect(parseArguments(FILES)).toEqual({
    ok: true,
    value: {
      command: 'serve',
      inventory: 'i.yaml',
      dataDir: 'd',
      adminPort: null,
      adminHost: '127.0.0.1',
      adminTls: null,
      listenHost: null,
      frameBudgetMib: 512,
      openInputs: 250_000,
      keepDays: null,
      signers: null,
      revoked: null,
      databaseUrlEnv: null,
      init: false,
    },
  });
  const all = [...FILES, '--init', '--admin-port', '0', '--admin-host', '::1', '--signers', 's'];
  expect(parseArguments(all)).toMatchObject({ value: { adminPort: 0, adminHost: '::1', signers: 's', init: true } });
  expect(parseArguments([...FILES, '--database-url-env', 'LAB_DB'])).toMatchObject({
    value: { databaseUrlEnv: 'LAB_DB' },
  });
  expect(parseArguments(['move-out', ...FILES, '--feed', 'a,b', '--to', '1', '--file', 'x'])).toMatchObject({
    value: { command: 'move-out', feeds: ['a', 'b'], to: 1, file: 'x', yes: false },
  });
  expect(parseArguments(['move-in', ...FILES, '--file', 'x', '--yes'])).toMatchObject({
    value: { command: 'move-in', file: 'x', known: null, yes: true },
  });
  expect(parseArguments(['--help'])).toEqual({ ok: true, value: { command: 'help' } });
});

test.each([
  [[], '--inventory F is missing'],
  [['--inventory', 'i'], '--data-dir D is missing'],
  [['serve', ...FILES], 'there are init, repair, move-out, move-in'],
  [['init', 'again', ...FILES], 'there are init, repair, move-out, move-in'],
  [['move-out', ...FILES, '--feed', 'a', '--to', '1'], '--file is missing'],
  [['move-out', ...FILES, '--feed', 'a,', '--to', '1', '--file', 'x'], '--feed is a name'],
  [['move-in', ...FILES, '--file', 'x', '--to', '1'], '--to does not belong to move-in'],
  [[...FILES, '--file', 'x'], '--file belongs to move-out and move-in'],
  [[...FILES, '--shard', '1'], '--shard does not belong to serving'],
  [['init', ...FILES, '--admin-port', '1'], '--admin-port does not belong to init'],
  [[...FILES, '--admin-port', '65536'], '--admin-port is a port'],
  [[...FILES, '--admin-port', '1e3'], '--admin-port is a port'],
  [['init', ...FILES, '--shard', '-1'], '--shard'],
  [['init', ...FILES, '--target', 'test'], '--target is local or production'],
  [[...FILES, '--database-url-env', 'postgres://u:p@h/d'], 'is the name of an environment variable'],
  [['init', ...FILES, '--database-url-env', 'DB'], '--database-url-env does not belong to init'],
  [[...FILES, '--open-inputs', '0'], '--open-inputs is a number of messages'],
  [[...FILES, '--keep-days', '0'], '--keep-days is a number of days'],
  [[...FILES, '--unknown'], '--unknown'],
] as const)('%j is refused', (argv, why) => {
  const parsed = parseArguments(argv);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.message).toContain(why);
});
