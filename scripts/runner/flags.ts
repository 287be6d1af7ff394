/**
 * Every flag of every verb as data: parsing, help and suggestions are made from it. A verb names the ones it takes;
 * anything else on its command line is a usage error that names the nearest flag.
 */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { nearest } from '../../core/nearest.ts';
import { wholeNumber } from '../../core/whole-number.ts';
import { usage } from './stop.ts';

export const FLAGS = {
  stack: {
    kind: 'text',
    value: 'NAME',
    summary: 'the stack; default: CUTOVER_STACK, or the only one with the routes layer',
  },
  project: {
    kind: 'text',
    value: 'DIR',
    summary: 'the project folder; default: the nearest one upward with a Pulumi.yaml',
  },
  inventory: {
    kind: 'text',
    value: 'FILE',
    summary: 'no project, only this inventory and credentials: what is to be had from the operations bundle',
  },
  connection: { kind: 'list', value: 'A,B', summary: 'these connections' },
  feed: { kind: 'list', value: 'A,B', summary: 'every connection of these feeds' },
  wave: { kind: 'list', value: 'A,B', summary: 'every connection of these waves' },
  practice: { kind: 'list', value: 'A,B', summary: 'every connection of these practices' },
  all: { kind: 'boolean', summary: 'every connection of the inventory' },
  reason: { kind: 'text', value: 'TEXT', summary: 'why: it is recorded; moves towards legacy are refused without' },
  'change-id': { kind: 'text', value: 'ID', summary: 'the change record it belongs to' },
  'dry-run': { kind: 'boolean', summary: 'print the Plan and change nothing' },
  yes: { kind: 'boolean', summary: 'do not ask; needed without a terminal' },
  json: { kind: 'boolean', summary: 'one JSON document on stdout' },
  confirm: {
    kind: 'text',
    value: 'WAVE',
    summary: 'beside --yes, as it would be typed: the name of the wave (of several: A,B); needed in production',
  },
  'max-failures': {
    kind: 'integer',
    value: 'N',
    min: 0,
    max: 100_000,
    summary: 'do not begin with more refused connections than this',
  },
  parallel: {
    kind: 'integer',
    value: 'N',
    min: 1,
    max: 1000,
    summary: 'moves at the same time; default: all of them, up to 250',
  },
  weight: {
    kind: 'integer',
    value: 'N',
    min: 0,
    max: 99,
    summary: 'share of keys for the new platform, staying in parallel',
  },
  force: {
    kind: 'boolean',
    summary:
      'rollback: new is dead, commit at once and re-own what it owes; remove: bypass the gateway whatever the phase',
  },
  'take-over': { kind: 'boolean', summary: 'break a Pulumi lock held from another host' },
  'no-commit': { kind: 'boolean', summary: 'leave the stack file uncommitted' },
  for: { kind: 'text', value: 'DURATION', summary: 'how long, as in 3s; at most half of the ackTimeout' },
  watch: { kind: 'boolean', summary: 'look again every two seconds, until Ctrl-C' },
  morning: {
    kind: 'boolean',
    summary: 'the first morning: what has come since the switch, by practice, and who is called',
  },
  wait: { kind: 'text', value: 'DURATION', summary: 'how long to watch each feed for a message; default 10s' },
  really: { kind: 'boolean', summary: 'move the named test connections for real, there and back' },
  deliver: { kind: 'list', value: 'ID,ID', summary: 'resolve these decisions by delivering their proposals' },
  discard: { kind: 'list', value: 'ID,ID', summary: 'resolve these decisions by discarding their proposals' },
  file: {
    kind: 'list',
    value: 'A,B',
    summary: 'files to import: exports of an engine (.xml), lists (.csv, .xlsx, .yaml)',
  },
  columns: { kind: 'text', value: 'FILE', summary: 'which column of a list says what (YAML)' },
  variables: { kind: 'text', value: 'FILE', summary: "values of an export's ${variables}: `name = value`, one a line" },
  'legacy-host': { kind: 'text', value: 'HOST', summary: 'where legacy is reached; an export does not say' },
  'new-host': { kind: 'text', value: 'HOST', summary: 'where the new platform is reached' },
  'include-disabled': { kind: 'boolean', summary: 'take disabled channels too' },
  check: { kind: 'boolean', summary: 'only say how it differs from the last import' },
  traffic: {
    kind: 'text',
    value: 'DIR',
    summary: 'old message files, in folders named after connections, to count traffic from',
  },
  measured: {
    kind: 'text',
    value: 'FILE',
    summary: 'what `rehearse --json` printed: how long a switch and a rollback take',
  },
  html: { kind: 'text', value: 'FILE', summary: 'the HTML file to write; the CSV goes beside it' },
  windows: { kind: 'boolean', summary: 'only the coming windows of each wave' },
  ical: { kind: 'text', value: 'FILE', summary: 'write the nights as iCalendar' },
  svg: { kind: 'text', value: 'FILE', summary: 'write the plan as a picture' },
  'write-waves': { kind: 'boolean', summary: 'write the planned waves into the inventory' },
  document: { kind: 'text', value: 'DIGEST', summary: 'the document on file to sign too, as it stands' },
  evidence: { kind: 'text', value: 'DIGEST', summary: 'what it rests on; default: the newest for the selection' },
  from: { kind: 'text', value: 'TIME', summary: 'valid from, with its zone: 2026-03-07T22:00-06:00; default: now' },
  until: { kind: 'text', value: 'TIME', summary: 'valid until, or the end of the window, with its zone' },
  target: { kind: 'text', value: 'PHASE', summary: 'switched (default), or parallel: weights only' },
  'max-weight': {
    kind: 'integer',
    value: 'N',
    min: 0,
    max: 99,
    summary: 'the highest weight that it allows; default 0',
  },
  attempts: { kind: 'integer', value: 'N', min: 1, max: 100, summary: 'switches that it allows, each; default 1' },
  accept: { kind: 'list', value: 'A,B', summary: 'classes that only legacy can still answer, and that are given up' },
  key: { kind: 'text', value: 'FILE', summary: 'your SSH key, or the public half of one that an agent holds' },
  out: { kind: 'text', value: 'DIR', summary: 'a new folder for what is written' },
  in: { kind: 'text', value: 'DIR', summary: 'the export to judge' },
  signers: { kind: 'text', value: 'DIR', summary: 'a folder with signers and revoked that you trust' },
  checkpoints: { kind: 'text', value: 'DIR', summary: 'a folder of checkpoints that was kept elsewhere' },
  rule: { kind: 'text', value: 'NAME', summary: 'only what this diff rule hides' },
  'min-pairs': {
    kind: 'integer',
    value: 'N',
    min: 1,
    max: 1_000_000_000,
    summary: 'compared pairs that a connection needs to be green; default: 100',
  },
  report: { kind: 'text', value: 'FILE', summary: 'write an HTML report there' },
  suggest: { kind: 'boolean', summary: 'propose diff rules for what differs; writes nothing' },
  'suggest-correlation': {
    kind: 'boolean',
    summary: 'measure which fields tell outputs apart and both platforms keep',
  },
  'self-test': { kind: 'boolean', summary: 'drift of every kind in real outputs: what would the rules hide?' },
  history: {
    kind: 'text',
    value: 'PATH',
    summary: 'old messages, in folders named after connections, to cover as well',
  },
  samples: { kind: 'text', value: 'PATH', summary: 'message files to take instead of recorded outputs' },
  'show-values': {
    kind: 'text',
    value: 'AT',
    summary: 'show this pair (shard/offset) side by side: patient data, recorded',
  },
  'sign-rule': { kind: 'text', value: 'NAME', summary: 'sign this diff rule as its approver, with --key' },
  replay: {
    kind: 'text',
    value: 'DIR',
    summary: 'send the old messages of DIR/inputs through a platform outside the live path, compare with DIR/outputs',
  },
  to: { kind: 'text', value: 'HOST:PORT', summary: 'with --replay: where that platform listens' },
  capture: { kind: 'integer', value: 'PORT', min: 1, max: 65_535, summary: 'with --replay: where its outputs come' },
  twice: { kind: 'boolean', summary: 'with --replay: send all of it twice, and compare the platform with itself' },
  within: { kind: 'text', value: 'DURATION', summary: 'with --replay: how long an output may take; default 5s' },
  freeze: { kind: 'boolean', summary: 'freeze the result as evidence' },
  since: { kind: 'text', value: 'TIME', summary: 'ISO time, or how long ago, as in 12h; default: the first message' },
  lis: { kind: 'text', value: 'FILE', summary: 'what the LIS has got and sent (CSV or NDJSON)' },
  emr: { kind: 'text', value: 'FILE', summary: 'what the EMRs have got and sent (CSV or NDJSON)' },
  map: {
    kind: 'text',
    value: 'FILE',
    summary: 'how outside records are to be read; default: stacks/NAME/outside.yaml',
  },
  attest: {
    kind: 'text',
    value: 'FILE',
    summary: "both platforms' queue and error-store counts, as somebody read them",
  },
  proof: { kind: 'text', value: 'FILE', summary: 'write a proof file: one digest a message, and their Merkle root' },
  verify: { kind: 'text', value: 'FILE', summary: 'verify a proof file; needs no database' },
  root: { kind: 'text', value: 'DIGEST', summary: 'with --verify: the root that the evidence names' },
  connect: { kind: 'boolean', summary: "also open the platforms' MLLP ports, for a moment; to them that is a sender" },
  explain: { kind: 'boolean', summary: 'every red, and what to do about it' },
  criterion: { kind: 'text', value: 'ID', summary: 'which one, as `cutover gate` names it' },
  what: {
    kind: 'text',
    value: 'KIND',
    summary: 'alert-receipt, connectivity; with origin: platform outputs, stop-and-start, stopped',
  },
  platform: { kind: 'text', value: 'NAME', summary: 'legacy or new: what is stopped' },
  by: { kind: 'text', value: 'NAME', summary: 'who says so' },
  kind: { kind: 'text', value: 'KIND', summary: 'risk, assumption, issue or dependency' },
  title: { kind: 'text', value: 'TEXT', summary: 'what it is' },
  severity: { kind: 'text', value: 'LEVEL', summary: 'low, medium or high' },
  owner: { kind: 'text', value: 'NAME', summary: 'who looks after it' },
  review: { kind: 'text', value: 'DATE', summary: 'when someone looks at it again: YYYY-MM-DD' },
  party: { kind: 'text', value: 'PARTY', summary: 'of a dependency, who owes it: legacy, new, emr or lis' },
  source: { kind: 'text', value: 'TEXT', summary: 'where to look: a ticket, a link, a digest of evidence' },
  mitigation: { kind: 'text', value: 'TEXT', summary: 'what is done about it' },
  id: { kind: 'text', value: 'ID', summary: 'of the item, as in R-1' },
  pack: {
    kind: 'text',
    value: 'DIR',
    summary: 'write sheets and operations bundle into this folder, which must be empty or new',
  },
  help: { kind: 'boolean', summary: 'this help' },
} as const satisfies Record<string, FlagSpec>;

export type FlagSpec = { readonly summary: string } & (
  | { readonly kind: 'boolean' }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'list'; readonly value: string }
  | { readonly kind: 'integer'; readonly value: string; readonly min: number; readonly max: number }
);

export type FlagName = keyof typeof FLAGS;

type ValueOf<K> = K extends 'boolean'
  ? boolean
  : K extends 'integer'
    ? number
    : K extends 'list'
      ? readonly string[]
      : string;

/** Absent: not given. */
export type Args = { readonly [Name in FlagName]?: ValueOf<(typeof FLAGS)[Name]['kind']> };

export const SELECTION_FLAGS = ['stack', 'project', 'connection', 'feed', 'wave', 'practice', 'all'] as const;
export const CHANGE_FLAGS = [
  ...SELECTION_FLAGS,
  'reason',
  'change-id',
  'dry-run',
  'yes',
  'json',
  'max-failures',
  'parallel',
  'take-over',
  'no-commit',
] as const;

/** Throws a VerbStop with exit code 2. */
export function parseFlags(verb: string, names: readonly FlagName[], argv: readonly string[]): Args {
  const accepted: readonly FlagName[] = [...names, 'help'];
  const options: ParseArgsOptionsConfig = {};
  for (const name of accepted) {
    options[name] = FLAGS[name].kind === 'boolean' ? { type: 'boolean' } : { type: 'string', multiple: true };
  }
  const { values, tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') throw unexpectedWord(verb, token.value, names);
    if (token.kind !== 'option') continue;
    const name = accepted.find((candidate) => candidate === token.name);
    if (name === undefined) throw unknownFlag(verb, token.rawName, accepted);
    // `--connection --json`: the next flag is no value.
    const isNextFlag = token.inlineValue === false && token.value.startsWith('--');
    checkPresence(verb, name, isNextFlag ? undefined : token.value);
  }
  const args: Record<string, boolean | string | number | readonly string[]> = {};
  for (const name of accepted) {
    const given = values[name];
    if (given !== undefined) args[name] = convert(verb, name, given);
  }
  return args;
}

function convert(
  verb: string,
  name: FlagName,
  given: string | boolean | (string | boolean)[],
): boolean | string | number | readonly string[] {
  const spec: FlagSpec = FLAGS[name];
  if (spec.kind === 'boolean') return given === true;
  const texts = (Array.isArray(given) ? given : [given]).map(String);
  const [last = ''] = texts.slice(-1);
  if (spec.kind === 'text') return last;
  if (spec.kind === 'list')
    return texts
      .flatMap((text) => text.split(','))
      .map((part) => part.trim())
      .filter((part) => part !== '');
  const number = wholeNumber(last, spec.max, spec.min);
  if (number === null) {
    throw usage(`--${name} is '${last}'; it must be a whole number from ${spec.min} to ${spec.max}`, helpOf(verb));
  }
  return number;
}

function helpOf(verb: string): string {
  return `cutover ${verb} --help`;
}

function checkPresence(verb: string, name: FlagName, value: string | undefined): void {
  const spec: FlagSpec = FLAGS[name];
  if (spec.kind === 'boolean') {
    if (value !== undefined) throw usage(`--${name} takes no value`, helpOf(verb));
  } else if (value === undefined || value.trim() === '')
    throw usage(`--${name} needs a value: --${name} ${spec.value}`, helpOf(verb));
}

function unknownFlag(verb: string, given: string, accepted: readonly FlagName[]): Error {
  const close = nearest(given.replace(/^-+/, ''), accepted);
  const hint = close === null ? '' : `; did you mean --${close}?`;
  return usage(`'${verb}' has no flag ${given}${hint}`, helpOf(verb));
}

/** A word without its flag: most likely a name, said with the flag that names are said with. */
function unexpectedWord(verb: string, word: string, names: readonly FlagName[]): Error {
  const flag = (['connection', 'file', 'stack'] as const).find((one) => names.includes(one));
  if (flag === undefined) return usage(`'${word}' is unexpected: '${verb}' takes no word`, helpOf(verb));
  return usage(
    `'${word}' is unexpected: say what it is, with a flag`,
    `cutover ${verb} --${flag} ${word}`,
    helpOf(verb),
  );
}
