/** From a command line to an exit code: finds the verb, parses its flags, runs it and prints its one result. */
import type { ErrorDocument } from '../../core/documents.ts';
import { nearest } from '../../core/nearest.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { closeContext, openContext, type Surroundings } from './context.ts';
import { type Args, parseFlags } from './flags.ts';
import { generalHelp, verbHelp } from './help.ts';
import { runMove } from './run-move.ts';
import { runProcess } from './run-process.ts';
import { speakingOfSamePlace } from './same-place.ts';
import { EXIT, usage, VerbStop } from './stop.ts';
import type { PlainCall, Printed, TaskVerb, Verb } from './verb.ts';

export async function runCommand(
  verbs: Readonly<Record<string, Verb>>,
  argv: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const [name, ...rest] = plainlyAsked(argv);
  const terminal = speakingOfSamePlace(surroundings.terminal, verbs, rest);
  const around = { ...surroundings, terminal };
  if (name === undefined || name === '--help') {
    await terminal.result(generalHelp(verbs));
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  if (name === '--version') {
    await terminal.result(`cutover ${packageJson.version} (Node ${process.version})`);
    return EXIT.done;
  }
  const isJson = rest.includes('--json');
  try {
    const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (verb === undefined) throw unknownVerb(name, verbs);
    if (verb.kind === 'process') return await runProcess(verb.entry, rest);
    const { word, flags } = takeWord(name, verb, rest);
    const args = parseFlags(name, verb.flags, flags);
    if (args.help === true) {
      await terminal.result(verbHelp(name, verb));
      return EXIT.done;
    }
    const printed = await runVerb(name, verb, args, { word, verbs }, around);
    const result = args.json === true ? JSON.stringify(printed.document) : printed.text;
    if (result !== '') await terminal.result(result);
    await printed.afterwards?.();
    return printed.exitCode;
  } catch (error) {
    return await tell(name, error, isJson, around);
  }
}

/** `-h` and `--help`, `help VERB` and `VERB help` are one question; `-v`, `version` and `--version` another. */
function plainlyAsked(argv: readonly string[]): readonly string[] {
  const [first, second, ...rest] = argv;
  if (first === '-h' || first === 'help' || first === '--help')
    return second === undefined || second.startsWith('-') ? ['--help'] : [second, '--help'];
  if (first === '-v' || first === '-V' || first === 'version' || first === '--version') return ['--version'];
  if (first !== undefined && (second === 'help' || second === '-h')) return [first, '--help', ...rest];
  return argv;
}

function runVerb(
  name: string,
  verb: Exclude<Verb, { kind: 'process' }>,
  args: Args,
  call: PlainCall,
  around: Surroundings,
): Promise<Printed> {
  switch (verb.kind) {
    case 'move':
      return runMove(name, verb, args, around);
    case 'task':
      return runTask(name, verb, args, around);
    case 'plain':
      return verb.perform(around, args, call);
  }
}

/** `cutover completion bash`: the one verb with a word of its own. */
function takeWord(name: string, verb: Verb, rest: readonly string[]): { word: string; flags: readonly string[] } {
  if (verb.kind === 'task' && rest[0] !== undefined && verb.word?.choices.includes(rest[0]) === true)
    return { word: rest[0], flags: rest.slice(1) };
  if (verb.kind !== 'plain' || verb.word === undefined) return { word: '', flags: rest };
  const [word = '', ...flags] = rest;
  const { choices } = verb.word;
  if (choices.includes(word)) return { word, flags };
  if (rest.includes('--help')) return { word: '', flags: rest };
  const examples = verb.examples.filter((example) => choices.some((choice) => example.includes(` ${choice}`)));
  throw usage(
    word === '' || word.startsWith('-')
      ? `'${name}' needs a word: ${choices.join(', ')}`
      : `'${word}' is not one of ${choices.join(', ')}`,
    ...examples,
  );
}

async function runTask(name: string, verb: TaskVerb, args: Args, around: Surroundings): Promise<Printed> {
  verb.check?.(args);
  const context = await openContext(name, args, around, { selectsAll: verb.selectsAll, withoutStackFile: false });
  try {
    return await verb.perform(context, args);
  } finally {
    await closeContext(context);
  }
}

/** Whatever ended the verb: a person reads it on stderr, a program as the one document on stdout. */
async function tell(verb: string, error: unknown, isJson: boolean, { terminal, env }: Surroundings): Promise<number> {
  const stop = error instanceof VerbStop ? error : unexpected(error, env);
  const next = stop.next.length === 0 && stop.exitCode === EXIT.failed ? ['cutover doctor'] : [...stop.next];
  if (isJson) {
    const document: ErrorDocument = {
      verb,
      ok: false,
      exitCode: stop.exitCode,
      error: { code: stop.code, message: stop.message, next },
      nextSteps: next,
    };
    await terminal.result(JSON.stringify(document));
  }
  terminal.warn(`${verb}: ${stop.message}`);
  for (const step of next) terminal.progress(`  next: ${step}`);
  return stop.exitCode;
}

/** What the system says of a path is no defect of ours: it is said with the path, in words. */
const FILE_TROUBLE: Readonly<Record<string, string>> = {
  ENOENT: 'it, or a folder above it, is not there',
  EACCES: 'this user may not read or write it',
  EPERM: 'this user may not read or write it',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file and no folder',
};

function fileTrouble(error: unknown): VerbStop | null {
  if (!(error instanceof Error && 'code' in error && 'path' in error)) return null;
  const words = FILE_TROUBLE[String(error.code)];
  if (words === undefined) return null;
  const next = ['mend that, then run the same command again'];
  return new VerbStop(EXIT.failed, { code: 'file', message: `${error.path}: ${words} (${error.code})`, next });
}

function unexpected(error: unknown, env: NodeJS.ProcessEnv): VerbStop {
  const ofFile = fileTrouble(error);
  if (ofFile !== null) return ofFile;
  const message = error instanceof Error ? error.message : String(error);
  const stack = env.CUTOVER_DEBUG !== undefined && error instanceof Error ? `\n${error.stack ?? ''}` : '';
  const next = ['run it again with CUTOVER_DEBUG=1 and report what it prints', 'cutover status'];
  return new VerbStop(EXIT.failed, { code: 'unexpected', message: `something unforeseen: ${message}${stack}`, next });
}

function unknownVerb(name: string, verbs: Readonly<Record<string, Verb>>): VerbStop {
  const close = nearest(name, Object.keys(verbs));
  const hint = close === null ? '' : `; did you mean '${close}'?`;
  return usage(`there is no verb '${name}'${hint}`, 'cutover --help lists them');
}
