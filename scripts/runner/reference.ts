/** docs/cli.md: every verb with its examples and flags, from the data that the command line is parsed with. */
import { flagsOf, wordsOf } from './completion.ts';
import { FLAGS, type FlagName, type FlagSpec, SELECTION_FLAGS } from './flags.ts';
import type { Verb } from './verb.ts';

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'done, or green'],
  ['1', 'failed, or could not find out'],
  ['2', 'usage, or invalid input; nothing was asked or changed'],
  ['3', 'refused or red; nothing was changed'],
  ['4', 'something was changed, not everything: the result names what was not, and why'],
  ['130', 'interrupted'],
];

export function referenceOf(verbs: Readonly<Record<string, Verb>>): string {
  const entries = Object.entries(verbs);
  const parts = [
    '# The command line',
    '',
    'Generated from the code (`npm run cli-docs`). `cutover VERB --help` says the same; `cutover --version` says of which version.',
    '',
    '`--json` prints exactly one document on stdout, on failure too, against a schema in `docs/schemas/`; progress goes to stderr.',
    '',
    '| verb | what it does |',
    '| --- | --- |',
    ...entries.map(([name, { summary }]) => `| [\`${name}\`](#${name}) | ${cell(summary)} |`),
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '| --- | --- |',
    ...EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
    '## Which connections',
    '',
    'Values of one flag add up; different flags narrow each other down.',
    '',
    ...flagTable(SELECTION_FLAGS),
    ...entries.flatMap(([name, verb]) => section(name, verb)),
  ];
  return `${parts.join('\n')}\n`;
}

function section(name: string, verb: Verb): string[] {
  const words = wordsOf(verb);
  const isSelecting = flagsOf(verb).includes('connection');
  const own = flagsOf(verb).filter((flag) => flag !== 'help' && !(isSelecting && isSelection(flag)));
  return [
    '',
    `## ${name}`,
    '',
    `${verb.summary[0]?.toUpperCase()}${verb.summary.slice(1)}.`,
    '',
    '```sh',
    ...verb.examples,
    '```',
    ...(words.length > 0 ? ['', `Takes one word: ${words.map((word) => `\`${word}\``).join(', ')}.`] : []),
    ...(isSelecting ? ['', 'Takes the flags that [select connections](#which-connections).'] : []),
    ...(own.length > 0 ? ['', ...flagTable(own)] : []),
    ...(verb.kind === 'process' ? ['', 'The rest of its command line is its own: see its `--help`.'] : []),
  ];
}

function flagTable(names: readonly FlagName[]): string[] {
  const rows = names.map((name) => {
    const spec: FlagSpec = FLAGS[name];
    return `| \`--${name}${spec.kind === 'boolean' ? '' : ` ${spec.value}`}\` | ${cell(spec.summary)} |`;
  });
  return ['| flag | meaning |', '| --- | --- |', ...rows];
}

function isSelection(name: FlagName): boolean {
  const selection: readonly FlagName[] = SELECTION_FLAGS;
  return selection.includes(name);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
