/** Shell completion, generated from the same verbs and flags that the command line is parsed with. */
import { FLAGS, type FlagName } from './flags.ts';
import type { Verb } from './verb.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

type Verbs = Readonly<Record<string, Verb>>;

export function completionFor(shell: Shell, verbs: Verbs): string {
  switch (shell) {
    case 'bash':
      return bash(verbs);
    case 'zsh':
      return zsh(verbs);
    case 'fish':
      return fish(verbs);
  }
}

export function wordsOf(verb: Verb): readonly string[] {
  return verb.kind === 'plain' || verb.kind === 'task' ? (verb.word?.choices ?? []) : [];
}

export function flagsOf(verb: Verb): readonly FlagName[] {
  return verb.kind === 'process' ? [] : [...verb.flags, 'help'];
}

function bash(verbs: Verbs): string {
  const cases = Object.entries(verbs).map(([name, verb]) => {
    const words = [...wordsOf(verb), ...flagsOf(verb).map((flag) => `--${flag}`)];
    return `    ${name}) words="${words.join(' ')}" ;;`;
  });
  return `# cutover completion bash > /etc/bash_completion.d/cutover
_cutover() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${Object.keys(verbs).join(' ')}"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _cutover cutover
`;
}

function zsh(verbs: Verbs): string {
  const names = Object.entries(verbs).map(([name, { summary }]) => `    ${quote(`${name}:${summary}`)}`);
  const cases = Object.entries(verbs).map(([name, verb]) => {
    const flags = flagsOf(verb).map((flag) => quote(zshFlag(flag)));
    const words = wordsOf(verb);
    const word = words.length === 0 ? [] : [quote(`2:word:(${words.join(' ')})`)];
    return `    ${name}) _arguments ${[...word, ...flags].join(' ')} ;;`;
  });
  return `#compdef cutover
# cutover completion zsh > "\${fpath[1]}/_cutover"
_cutover() {
  local -a verbs
  verbs=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  case "$words[2]" in
${cases.join('\n')}
  esac
}
compdef _cutover cutover
`;
}

function zshFlag(name: FlagName): string {
  const spec = FLAGS[name];
  const summary = spec.summary.replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', ' -');
  return spec.kind === 'boolean' ? `--${name}[${summary}]` : `--${name}[${summary}]:${spec.value}:`;
}

function fish(verbs: Verbs): string {
  const lines = ['# cutover completion fish > ~/.config/fish/completions/cutover.fish', 'complete -c cutover -f'];
  for (const [name, verb] of Object.entries(verbs)) {
    lines.push(`complete -c cutover -n __fish_use_subcommand -a ${name} -d ${quote(verb.summary)}`);
    const when = `-n '__fish_seen_subcommand_from ${name}'`;
    for (const word of wordsOf(verb)) lines.push(`complete -c cutover ${when} -a ${word}`);
    for (const flag of flagsOf(verb)) {
      const spec = FLAGS[flag];
      const value = spec.kind === 'boolean' ? '' : ' -x';
      lines.push(`complete -c cutover ${when} -l ${flag}${value} -d ${quote(spec.summary)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
