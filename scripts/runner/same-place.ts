/**
 * A next step is typed as it stands, so it names the same place as the command line that led to it: `--stack`, `--project`
 * and `--inventory` are said again where that line said them, and which connections it was about, where the next verb asks for
 * that and nothing else says it.
 */
import type { Terminal } from './terminal.ts';
import type { Verb } from './verb.ts';

const PLACE_FLAGS = ['stack', 'project', 'inventory'] as const;
const SELECTING_FLAGS = ['connection', 'feed', 'wave', 'practice'] as const;
type SaidFlag = (typeof PLACE_FLAGS | typeof SELECTING_FLAGS)[number];
type Said = readonly (readonly [flag: SaidFlag, value: string])[];
type Place = { readonly place: Said; readonly selection: Said; readonly all: boolean };

export function speakingOfSamePlace(
  terminal: Terminal,
  verbs: Readonly<Record<string, Verb>>,
  argv: readonly string[],
): Terminal {
  const place: Place = {
    place: saidIn(argv, PLACE_FLAGS),
    selection: saidIn(argv, SELECTING_FLAGS),
    all: argv.includes('--all'),
  };
  const spoken = (text: string): string =>
    text
      .split('\n')
      .map((line) => atSamePlace(line, verbs, place))
      .join('\n');
  return {
    ...terminal,
    progress: (line) => terminal.progress(spoken(line)),
    show: (line) => terminal.show(spoken(line)),
    result: (text) => terminal.result(argv.includes('--json') ? text : spoken(text)),
  };
}

/** Each time that one of these flags was given. */
function saidIn(argv: readonly string[], flags: readonly SaidFlag[]): Said {
  return flags.flatMap((flag) =>
    argv.flatMap((word, index): Said => {
      const value = word.startsWith(`--${flag}=`) ? word.slice(flag.length + 3) : argv[index + 1];
      const isSaid = word === `--${flag}` || word.startsWith(`--${flag}=`);
      return isSaid && value !== undefined ? [[flag, value]] : [];
    }),
  );
}

/** A line that is a command, as a next step is; any other is left alone. */
function atSamePlace(line: string, verbs: Readonly<Record<string, Verb>>, { place, selection, all }: Place): string {
  const [, before, name, rest] = /^(\s*(?:next: )?cutover )([a-z]+)((?:\s.*)?)$/.exec(line) ?? [];
  const verb = name !== undefined && Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (before === undefined || rest === undefined || verb === undefined || verb.kind === 'process') return line;
  const isSaidHere = (flag: string): boolean => new RegExp(`\\s--${flag}\\b`).test(rest);
  const again = place.filter(([flag]) => verb.flags.includes(flag) && !isSaidHere(flag));
  const isSelected = [...SELECTING_FLAGS, 'all', 'help'].some(isSaidHere) || /(?:^|\s)…(?:\s+--|$)/.test(rest);
  const selects = !isSelected && asksWhich(verb);
  const said = [...again, ...(selects ? selection.filter(([flag]) => verb.flags.includes(flag)) : [])]
    .map(([flag, value]) => ` --${flag} ${quoted(value)}`)
    .concat(selects && all ? [' --all'] : [])
    .join('');
  const word =
    'word' in verb ? verb.word?.choices.find((choice) => new RegExp(`^\\s${choice}\\b`).test(rest)) : undefined;
  const wordPart = word === undefined ? '' : ` ${word}`;
  return `${before}${name}${wordPart}${said}${rest.slice(wordPart.length)}`;
}

/** Without a selection it refuses. */
function asksWhich(verb: Verb): boolean {
  return verb.kind === 'move' || (verb.kind === 'task' && !verb.selectsAll);
}

function quoted(value: string): string {
  return /^[\w./@%+:,=-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
