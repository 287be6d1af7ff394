/** What a verb says to type next works in the place that its own command line named. */
import { expect, test } from 'vitest';
import { VERBS } from '../verbs/index.ts';
import { speakingOfSamePlace } from './same-place.ts';
import type { Terminal } from './terminal.ts';

function said(argv: readonly string[], ...lines: readonly string[]): readonly string[] {
  const heard: string[] = [];
  const terminal: Terminal = {
    isInteractive: false,
    progress: (line) => heard.push(line),
    show: (line) => heard.push(line),
    warn: (line) => heard.push(line),
    ask: async () => '',
    result: async (text) => void heard.push(text),
    frame: () => undefined,
    endFrame: () => undefined,
  };
  const speaking = speakingOfSamePlace(terminal, VERBS, argv);
  for (const line of lines) speaking.progress(line);
  void speaking.result(lines.join('\n'));
  return heard.slice(0, lines.length + 1);
}

test('the stack, the project and the inventory are said again, before the other flags', () => {
  const argv = ['--stack', 'lab', '--project=/srv/our lab', '--wave', 'pilot'];
  expect(said(argv, '  next: cutover switch --wave pilot')[0]).toBe(
    "  next: cutover switch --stack lab --project '/srv/our lab' --wave pilot",
  );
  expect(said(['--inventory', 'bundle.yaml'], 'cutover rollback --all')[0]).toBe(
    'cutover rollback --inventory bundle.yaml --all',
  );
});

test('which connections it was about is said again where the next verb asks for it, and nothing else says it', () => {
  const argv = ['--stack', 'lab', '--wave', 'pilot', '--wave=second', '--yes'];
  expect(said(argv, '  cutover rollback --reason … (possible until decommission)')[0]).toBe(
    '  cutover rollback --stack lab --wave pilot --wave second --reason … (possible until decommission)',
  );
  expect(said(['--all'], '  cutover switch')[0]).toBe('  cutover switch --all');
  const alone = ['  cutover switch --stack lab --connection a', '  cutover rollback --stack lab --force … --yes'];
  expect(said(argv, ...alone).slice(0, -1)).toEqual(alone);
  // It means everything without one: no longer line than that.
  expect(said(argv, '  cutover status')[0]).toBe('  cutover status --stack lab');
});

test('a verb with a word of its own keeps it in front', () => {
  expect(said(['--stack', 'lab'], '  cutover audit export')[0]).toBe('  cutover audit export --stack lab');
});

test('what names a stack already, what takes none, and what is no command stays as it is', () => {
  const lines = [
    '  cutover switch --stack other',
    '  cutover gateway --inventory F',
    'cutover was started',
    '! look at it',
  ];
  expect(said(['--stack', 'lab'], ...lines).slice(0, -1)).toEqual(lines);
  expect(said(['--wave', 'pilot'], '  cutover switch --wave pilot')[0]).toBe('  cutover switch --wave pilot');
});

test('every line of a result for people is looked at, a document for programs is left alone', () => {
  expect(said(['--stack', 'lab'], 'done', '  cutover status').at(-1)).toBe('done\n  cutover status --stack lab');
  expect(said(['--stack', 'lab', '--json'], 'cutover status').at(-1)).toBe('cutover status');
});
