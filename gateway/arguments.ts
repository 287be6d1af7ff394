/** The command line of the gateway process, as in docs/interfaces.md. */

import { parseArgs } from 'node:util';
import { sayWrongFlag } from '../core/flag-words.ts';
import { wholeNumber } from '../core/whole-number.ts';

export type GatewayArguments =
  | { readonly command: 'help' }
  | { readonly command: 'repair'; readonly dataDir: string; readonly yes: boolean }
  | {
      readonly command: 'init';
      readonly inventory: string;
      readonly dataDir: string;
      readonly shard: number;
      readonly target: 'local' | 'production';
    }
  | {
      readonly command: 'restore';
      readonly inventory: string;
      readonly dataDir: string;
      /** Stack file with the routes that are known elsewhere. */
      readonly known: string;
      /** As for serving. */
      readonly databaseUrlEnv: string | null;
      readonly yes: boolean;
    }
  | {
      readonly command: 'move-out';
      readonly inventory: string;
      readonly dataDir: string;
      readonly feeds: readonly string[];
      /** The shard that gets them. */
      readonly to: number;
      readonly file: string;
      readonly yes: boolean;
    }
  | {
      readonly command: 'move-in';
      readonly inventory: string;
      readonly dataDir: string;
      readonly file: string;
      /** Stack file; null: it was not restored. */
      readonly known: string | null;
      readonly yes: boolean;
    }
  | {
      readonly command: 'serve';
      readonly inventory: string;
      readonly dataDir: string;
      /** Null: the port of this shard's admin address in the inventory. */
      readonly adminPort: number | null;
      readonly adminHost: string;
      /** Folder with tls.crt, tls.key and, where clients must show a certificate, ca.crt. Null: the data directory's own. */
      readonly adminTls: string | null;
      /** Address that feeds and legs listen on; null: this machine only in local, every interface in production. */
      readonly listenHost: string | null;
      /** What the frames of all senders together may take, and the answers of all peers. */
      readonly frameBudgetMib: number;
      /** Without a database: the journal's history goes once it is so old. Null: only its size counts. */
      readonly keepDays: number | null;
      /** How many inputs may wait for their outputs, in all connections together. */
      readonly openInputs: number;
      readonly signers: string | null;
      /** Keys of signers that no longer count. */
      readonly revoked: string | null;
      /** Name of the environment variable with the database to ship to. Null: DATABASE_URL, where that is set. */
      readonly databaseUrlEnv: string | null;
      /** Give birth to the data directory where there is none: shard 0, target local. */
      readonly init: boolean;
    };

export type ParsedArguments =
  | { readonly ok: true; readonly value: GatewayArguments }
  | { readonly ok: false; readonly message: string };

const FRAME_BUDGET_MIB = '512';
const OPEN_INPUTS = '250000';

export const HELP = `cutover gateway: stands before and behind both platforms and remembers every message

  cutover gateway init --inventory F --data-dir D [--shard N] [--target local|production]
      gives birth to a data directory, once
  cutover gateway --inventory F --data-dir D [flags]
      serves. SIGHUP reads the inventory again; SIGTERM or Ctrl-C finishes what is in flight and ends it
  cutover gateway init --restore --inventory F --data-dir D --known STACK-FILE [--database-url-env NAME] [--yes]
      takes a data directory that came out of a backup: runbooks/restore.md
  cutover gateway repair --data-dir D [--yes]
      says where the journal is damaged; with --yes cuts it there
  cutover gateway move-out --feed A[,B] --to N --inventory F --data-dir D --file X [--yes]
  cutover gateway move-in --inventory F --data-dir D --file X [--known STACK-FILE] [--yes]
      a feed goes to another shard: docs/how-to/move-a-feed.md

of init:
  --shard N               which gateway of the inventory this is; default 0
  --target T              for good: local (default) moves without approval, production only with one

of serving:
  --inventory F           the inventory: what is served, and where it goes
  --data-dir D            its memory, on a disk that is backed up: journal, admin.token, admin.crt
  --admin-port P          default: the port of this shard in the inventory; 0: any
  --admin-host H          where the admin API listens; default 127.0.0.1
  --admin-tls DIR         tls.crt and tls.key of its own, and ca.crt where clients must show a certificate
  --listen-host H         where feeds and legs listen; default 127.0.0.1 in local, every interface in production
  --signers F             who may sign approvals (OpenSSH allowed_signers); production does not start without
  --revoked F             keys of signers that no longer count
  --database-url-env N    the environment variable with the PostgreSQL to ship to; default DATABASE_URL, where it is set
  --frame-budget MIB      what the frames of all senders may take, and the answers of all peers; default ${FRAME_BUDGET_MIB}
  --open-inputs N         how many messages may wait for their outputs; default ${OPEN_INPUTS}
  --keep-days N           without a database: how long history is kept; default: its newest 8 GiB
  --init                  init first where there is no data directory: shard 0, target local

It prints one JSON line when it serves: {"ready":true,"adminPort":…,"feeds":{name: port},"connections":N}. Its log is JSON
lines on stderr (CUTOVER_LOG_LEVEL). CUTOVER_JOURNAL_KEY_FILE encrypts the journal: docs/reference/journal.md.`;

const VARIABLE_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const LONGEST_DAYS = 36_500;
const NO_URL = '--database-url-env is the name of an environment variable, not a URL';
const LARGEST_PORT = 65_535;
const LARGEST_FRAME_BUDGET_MIB = 1_048_576;
const LARGEST_OPEN_INPUTS = 10_000_000;
const OPTIONS = {
  inventory: { type: 'string' },
  'data-dir': { type: 'string' },
  shard: { type: 'string' },
  target: { type: 'string' },
  'admin-port': { type: 'string' },
  'admin-host': { type: 'string' },
  'admin-tls': { type: 'string' },
  'listen-host': { type: 'string' },
  'frame-budget': { type: 'string' },
  'open-inputs': { type: 'string' },
  'keep-days': { type: 'string' },
  signers: { type: 'string' },
  revoked: { type: 'string' },
  'database-url-env': { type: 'string' },
  init: { type: 'boolean' },
  yes: { type: 'boolean' },
  restore: { type: 'boolean' },
  known: { type: 'string' },
  feed: { type: 'string' },
  to: { type: 'string' },
  file: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
const ONLY_INIT = ['shard', 'target', 'restore', 'known'] as const;
const ONLY_MOVES = ['feed', 'to', 'file'] as const;
const OF_REPAIR: readonly string[] = ['data-dir', 'yes'];
const OF_MOVE_OUT: readonly string[] = ['inventory', 'data-dir', 'yes', 'feed', 'to', 'file'];
const OF_MOVE_IN: readonly string[] = ['inventory', 'data-dir', 'yes', 'file', 'known'];
const COMMANDS: readonly string[] = ['init', 'repair', 'move-out', 'move-in'];
const ONLY_SERVE = [
  'admin-port',
  'admin-host',
  'admin-tls',
  'listen-host',
  'frame-budget',
  'open-inputs',
  'keep-days',
  'signers',
  'revoked',
  'database-url-env',
  'init',
] as const;

/** `argv` without the program's own name and without `gateway`. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  const parsed = parse(argv);
  if (typeof parsed === 'string') return wrong(parsed);
  const { values, positionals } = parsed;
  if (values.help === true) return { ok: true, value: { command: 'help' } };
  const [command, ...rest] = positionals;
  if ((command !== undefined && !COMMANDS.includes(command)) || rest.length > 0) {
    return wrong(`'${positionals.join(' ')}' is not a command of the gateway; there are ${COMMANDS.join(', ')}`);
  }
  if (command === 'repair') return repairArguments(values);
  if (command === 'move-out') return moveOutArguments(values);
  if (command === 'move-in') return moveInArguments(values);
  const ofMoves = ONLY_MOVES.find((name) => values[name] !== undefined);
  if (ofMoves !== undefined) return wrong(`--${ofMoves} belongs to move-out and move-in`);
  const isRestore = command === 'init' && values.restore === true;
  if (values.yes !== undefined && !isRestore)
    return wrong('--yes belongs to repair, move-out, move-in and init --restore');
  const notHere = command === 'init' ? ONLY_SERVE : ONLY_INIT;
  const misplaced = notHere.find((name) => values[name] !== undefined && !(isRestore && name === 'database-url-env'));
  if (misplaced !== undefined) {
    return wrong(`--${misplaced} does not belong to ${command === 'init' ? 'init' : 'serving (it belongs to init)'}`);
  }
  const { inventory, 'data-dir': dataDir } = values;
  if (inventory === undefined || inventory === '') return wrong('--inventory F is missing');
  if (dataDir === undefined || dataDir === '') return wrong('--data-dir D is missing');
  const where = { inventory, dataDir };
  if (isRestore) return restoreArguments(values, where);
  if (values.known !== undefined) return wrong('--known belongs to init --restore and move-in');
  return command === 'init' ? initArguments(values, where) : serveArguments(values, where);
}

type Given = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
type Where = { readonly inventory: string; readonly dataDir: string };

function restoreArguments(values: Given, where: Where): ParsedArguments {
  const { known, yes = false, 'database-url-env': databaseUrlEnv = null } = values;
  if (values.shard !== undefined || values.target !== undefined)
    return wrong('--shard and --target do not belong to init --restore: the data directory has its own');
  if (known === undefined || known === '')
    return wrong('--known F is missing: the stack file, whose epochs the restored gateway must begin above');
  if (databaseUrlEnv !== null && !VARIABLE_PATTERN.test(databaseUrlEnv)) return wrong(NO_URL);
  return { ok: true, value: { command: 'restore', ...where, known, databaseUrlEnv, yes } };
}

function initArguments(values: Given, where: Where): ParsedArguments {
  const shard = wholeNumber(values.shard ?? '0');
  const target = values.target ?? 'local';
  if (shard === null) return wrong('--shard is a whole number from 0');
  if (target !== 'local' && target !== 'production') return wrong('--target is local or production');
  return { ok: true, value: { command: 'init', ...where, shard, target } };
}

function serveArguments(values: Given, where: Where): ParsedArguments {
  const adminPort = values['admin-port'] === undefined ? null : wholeNumber(values['admin-port'], LARGEST_PORT);
  if (values['admin-port'] !== undefined && adminPort === null) return wrong('--admin-port is a port, 0 to 65535');
  const frameBudgetMib = wholeNumber(values['frame-budget'] ?? FRAME_BUDGET_MIB, LARGEST_FRAME_BUDGET_MIB, 1);
  if (frameBudgetMib === null) return wrong(`--frame-budget is a number of MiB, 1 to ${LARGEST_FRAME_BUDGET_MIB}`);
  const openInputs = wholeNumber(values['open-inputs'] ?? OPEN_INPUTS, LARGEST_OPEN_INPUTS, 1);
  if (openInputs === null) return wrong(`--open-inputs is a number of messages, 1 to ${LARGEST_OPEN_INPUTS}`);
  const keepDays = values['keep-days'] === undefined ? null : wholeNumber(values['keep-days'], LONGEST_DAYS, 1);
  if (values['keep-days'] !== undefined && keepDays === null)
    return wrong(`--keep-days is a number of days, 1 to ${LONGEST_DAYS}`);
  const { signers = null, revoked = null, 'database-url-env': databaseUrlEnv = null, init = false } = values;
  if (databaseUrlEnv !== null && !VARIABLE_PATTERN.test(databaseUrlEnv)) return wrong(NO_URL);
  if (revoked !== null && signers === null) return wrong('--revoked F needs --signers F');
  const value = {
    command: 'serve',
    ...where,
    adminPort,
    adminHost: values['admin-host'] ?? '127.0.0.1',
    adminTls: values['admin-tls'] ?? null,
    listenHost: values['listen-host'] ?? null,
    frameBudgetMib,
    openInputs,
    keepDays,
    signers,
    revoked,
    databaseUrlEnv,
    init,
  } as const;
  return { ok: true, value };
}

function repairArguments(values: Values): ParsedArguments {
  const foreign = foreignIn(values, OF_REPAIR, 'repair');
  if (foreign !== null) return wrong(foreign);
  const { 'data-dir': dataDir, yes = false } = values;
  if (typeof dataDir !== 'string' || dataDir === '') return wrong('--data-dir D is missing');
  return { ok: true, value: { command: 'repair', dataDir, yes: yes === true } };
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function moveOutArguments(values: Values): ParsedArguments {
  const unfit =
    foreignIn(values, OF_MOVE_OUT, 'move-out') ?? missingOf(values, ['feed', 'to', 'inventory', 'data-dir', 'file']);
  if (unfit !== null) return wrong(unfit);
  const to = wholeNumber(textOf(values.to), Number.MAX_SAFE_INTEGER);
  if (to === null) return wrong('--to is the shard that gets the feed, a whole number from 0');
  const feeds = textOf(values.feed).split(',');
  if (feeds.some((name) => name === '')) return wrong('--feed is a name, or several with commas between them');
  const [inventory, dataDir, file] = [values.inventory, values['data-dir'], values.file].map(textOf);
  const value = { feeds, to, yes: values.yes === true, ...named(inventory, dataDir, file) };
  return { ok: true, value: { command: 'move-out', ...value } };
}

function moveInArguments(values: Values): ParsedArguments {
  const unfit = foreignIn(values, OF_MOVE_IN, 'move-in') ?? missingOf(values, ['inventory', 'data-dir', 'file']);
  if (unfit !== null) return wrong(unfit);
  const [inventory, dataDir, file] = [values.inventory, values['data-dir'], values.file].map(textOf);
  const known = values.known === undefined ? null : textOf(values.known);
  const value = { known, yes: values.yes === true, ...named(inventory, dataDir, file) };
  return { ok: true, value: { command: 'move-in', ...value } };
}

function named(inventory = '', dataDir = '', file = '') {
  return { inventory, dataDir, file };
}

function foreignIn(values: Values, allowed: readonly string[], command: string): string | null {
  const foreign = Object.keys(values).find((name) => !allowed.includes(name));
  return foreign === undefined ? null : `--${foreign} does not belong to ${command}`;
}

function missingOf(values: Values, names: readonly string[]): string | null {
  const missing = names.find((name) => textOf(values[name]) === '');
  return missing === undefined ? null : `--${missing} is missing`;
}

function textOf(value: string | boolean | undefined): string {
  return typeof value === 'string' ? value : '';
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    return sayWrongFlag(error, Object.keys(OPTIONS));
  }
}

function wrong(message: string): ParsedArguments {
  return { ok: false, message };
}
