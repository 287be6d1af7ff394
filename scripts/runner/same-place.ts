/**
 * A next step is typed as it stands, so it names the same place as the command line that led to it: `--stack`, `--project`
 * and `--inventory` are said again where that line said them.
 */
import type { Terminal } from './terminal.ts';
import type { Verb } from './verb.ts';

const PLACE_FLAGS = ['stack', 'project', 'inventory'] as const;
type PlaceFlag = (typeof PLACE_FLAGS)[number];
type Place = readonly (readonly [flag: PlaceFlag, value: string])[];

export function speakingOfSamePlace(
  terminal: Terminal,
  verbs: Readonly<Record<string, Verb>>,
  argv: readonly string[],
): Terminal {
  const place = placeOf(argv);
  if (place.length === 0) return terminal;
  const spoken = (text: string): string =>
    text
      .split('\n')
      .map((line) => atSamePlace(line, verbs, place))
      .join('\n');
  return {
    ...terminal,
    progress: (line) => terminal.progress(spoken(line)),
    result: (text) => terminal.result(argv.includes('--json') ? text : spoken(text)),
  };
}

function placeOf(argv: readonly string[]): Place {
  return PLACE_FLAGS.flatMap((flag): Place => {
    const inOne = argv.find((word) => word.startsWith(`--${flag}=`));
    const value = inOne?.slice(flag.length + 3) ?? argv[argv.indexOf(`--${flag}`) + 1];
    const isSaid = inOne !== undefined || argv.includes(`--${flag}`);
    return isSaid && value !== undefined ? [[flag, value]] : [];
  });
}

/** A line that is a command, as a next step is; any other is left alone. */
function atSamePlace(line: string, verbs: Readonly<Record<string, Verb>>, place: Place): string {
  const [, before, name, rest] = /^(\s*(?:next: )?cutover )([a-z]+)((?:\s.*)?)$/.exec(line) ?? [];
  const verb = name !== undefined && Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (before === undefined || rest === undefined || verb === undefined || verb.kind === 'process') return line;
  const said = place
    .filter(([flag]) => verb.flags.includes(flag) && !new RegExp(`\\s--${flag}\\b`).test(rest))
    .map(([flag, value]) => ` --${flag} ${quoted(value)}`)
    .join('');
  const word =
    'word' in verb ? verb.word?.choices.find((choice) => new RegExp(`^\\s${choice}\\b`).test(rest)) : undefined;
  const wordPart = word === undefined ? '' : ` ${word}`;
  return `${before}${name}${wordPart}${said}${rest.slice(wordPart.length)}`;
}

function quoted(value: string): string {
  return /^[\w./@%+:,=-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
