/** What a person asks of the command line before they know its words. */
import { describe, expect, test } from 'vitest';
import { VERBS } from '../verbs/index.ts';
import { runCommand } from './command.ts';

async function asked(...argv: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommand(VERBS, argv, {
    cwd: '/',
    env: {},
    interruption: new AbortController().signal,
    terminal: {
      isInteractive: false,
      progress: (line) => err.push(line),
      show: (line) => err.push(line),
      warn: (line) => err.push(line),
      ask: async () => '',
      result: async (text) => void out.push(text),
      frame: () => undefined,
      endFrame: () => undefined,
    },
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('given somebody who asks for help, however it is asked, then it is there', () => {
  test.each([['--help'], ['-h'], ['help'], ['help', '--json']])('for the whole: %s %s', async (...argv) => {
    const { code, out } = await asked(...argv);
    expect(code).toBe(0);
    expect(out).toContain('usage: cutover VERB');
  });

  test.each([
    ['switch', '--help'],
    ['switch', '-h'],
    ['switch', 'help'],
    ['help', 'switch'],
    ['--help', 'switch'],
    ['raid', 'help'],
  ])('for a verb: %s %s', async (...argv) => {
    const { code, out } = await asked(...argv);
    expect(code).toBe(0);
    expect(out).toMatch(/^cutover (switch|raid): /);
  });

  test.each([['--version'], ['-v'], ['version']])('for the version: %s', async (word) => {
    const { code, out } = await asked(word);
    expect(code).toBe(0);
    expect(out).toMatch(/^cutover \d+\.\d+\.\d+ \(Node v\d+/);
  });
});

describe('given a word in the wrong place, then the line that was meant is named', () => {
  test.each([
    [['switch', 'northside-orders'], 'cutover switch --connection northside-orders'],
    [['plan', 'production'], 'cutover plan --stack production'],
    [['import', 'backup.xml'], 'cutover import --file backup.xml'],
    [['raid', 'lst'], 'cutover raid list'],
    [['raid', '--stack', 'lab'], 'cutover raid add --stack lab'],
    [['help', 'swich'], "did you mean 'switch'?"],
  ])('%s', async (argv, said) => {
    const { code, err } = await asked(...argv);
    expect(code).toBe(2);
    expect(err).toContain(said);
  });
});
