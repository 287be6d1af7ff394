/** Help, made from the same data that the command line is parsed with. */
import { CHANGE_FLAGS, FLAGS, type FlagName, type FlagSpec, SELECTION_FLAGS } from './flags.ts';
import { formatTable } from './table.ts';
import type { Verb } from './verb.ts';

export function generalHelp(verbs: Readonly<Record<string, Verb>>): string {
  const rows = Object.entries(verbs).map(([name, verb]) => [name, verb.summary]);
  return [
    'cutover: moves HL7 connections from one integration platform to another',
    '',
    'usage: cutover VERB [flags]',
    '',
    ...formatTable(rows, '  '),
    '',
    'cutover VERB --help explains a verb; cutover --version says which this is.',
    'Exit codes: 0 done, 1 failed, 2 usage, 3 refused or red (nothing changed), 4 changed in part, 130 interrupted.',
    '',
  ].join('\n');
}

export function verbHelp(name: string, verb: Verb): string {
  const lines = [
    `cutover ${name}: ${verb.summary}`,
    '',
    'examples:',
    ...verb.examples.map((example) => `  ${example}`),
  ];
  if (verb.kind === 'process') return `${lines.join('\n')}\n`;
  const groups = [
    { title: 'which connections:', names: verb.flags.filter((flag) => isOneOf(SELECTION_FLAGS, flag)) },
    { title: 'flags:', names: verb.flags.filter((flag) => !isOneOf(CHANGE_FLAGS, flag)) },
    {
      title: 'how:',
      names: verb.flags.filter((flag) => isOneOf(CHANGE_FLAGS, flag) && !isOneOf(SELECTION_FLAGS, flag)),
    },
  ];
  for (const { title, names } of groups) {
    if (names.length > 0) lines.push('', title, ...formatTable(names.map(row), '  '));
  }
  return `${lines.join('\n')}\n`;
}

function row(name: FlagName): string[] {
  const spec: FlagSpec = FLAGS[name];
  return [spec.kind === 'boolean' ? `--${name}` : `--${name} ${spec.value}`, spec.summary];
}

function isOneOf(names: readonly FlagName[], name: FlagName): boolean {
  return names.includes(name);
}
