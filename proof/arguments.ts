/** The command line of the worker process. */

import { parseArgs } from 'node:util';
import { parseDurationMs } from '../core/duration.ts';
import { sayWrongFlag } from '../core/flag-words.ts';
import { wholeNumber } from '../core/whole-number.ts';

export const USAGE = `usage: cutover worker --inventory F [--project DIR] [--host H] [--port P] [--settle DURATION] [--keep-days N] [--checkpoints DIR] [--database-url-env NAME]

  --inventory F          the inventory whose deployment is proven
  --project DIR          folder with stacks/rules and stacks/contracts; default: the present one
  --host H               address of /metrics and /healthz; default 127.0.0.1
  --port P               port of /metrics and /healthz; default: any free one, said in the ready line
  --settle DURATION      how long an output may take before its absence counts; default 30s
  --keep-days N          purge payloads that are older than N days; default: 30 days after their sign-off
  --checkpoints DIR      sign checkpoints of the ledger into DIR, with the key that CUTOVER_CHECKPOINT_KEY names
  --database-url-env N   the environment variable with the PostgreSQL URL; default DATABASE_URL`;

const OPTIONS = {
  inventory: { type: 'string' },
  project: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  settle: { type: 'string' },
  'keep-days': { type: 'string' },
  checkpoints: { type: 'string' },
  'database-url-env': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export type WorkerArguments = {
  readonly inventory: string;
  readonly project: string;
  readonly host: string;
  readonly port: number;
  readonly settleMs: number;
  /** Null: by sign-off. */
  readonly keepDays: number | null;
  readonly databaseUrl: string;
  readonly checkpoints: { readonly folder: string; readonly keyFile: string } | null;
};

export type ParsedArguments =
  | { readonly kind: 'run'; readonly value: WorkerArguments }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string };

const SETTLE_MS = 30_000;

export function parseArguments(argv: readonly string[], env: NodeJS.ProcessEnv): ParsedArguments {
  const values = parse(argv);
  if (typeof values === 'string') return wrong(values);
  if (values.help === true) return { kind: 'help' };
  if (values.inventory === undefined) return wrong('--inventory F is needed');
  const port = wholeNumber(values.port ?? '0', 65_535);
  if (port === null) return wrong('--port is a TCP port');
  const settleMs = values.settle === undefined ? SETTLE_MS : parseDurationMs(values.settle);
  if (settleMs === null) return wrong('--settle is a whole number and a unit: 500ms, 30s, 5m');
  const keepDays = values['keep-days'] === undefined ? null : wholeNumber(values['keep-days'], 36_500);
  if (values['keep-days'] !== undefined && keepDays === null) return wrong('--keep-days is a whole number of days');
  const variable = values['database-url-env'] ?? 'DATABASE_URL';
  const databaseUrl = env[variable] ?? '';
  const protocol = URL.canParse(databaseUrl) ? new URL(databaseUrl).protocol : '';
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
    const what = databaseUrl === '' ? 'is not set' : 'holds no PostgreSQL URL';
    return wrong(`the environment variable ${variable} ${what} → ${variable}=postgresql://user@host/database`);
  }
  const keyFile = env.CUTOVER_CHECKPOINT_KEY ?? '';
  if (values.checkpoints !== undefined && keyFile === '') {
    return wrong('--checkpoints needs CUTOVER_CHECKPOINT_KEY: the file of the key that signs them');
  }
  const checkpoints = values.checkpoints === undefined ? null : { folder: values.checkpoints, keyFile };
  const { inventory, project = '.', host = '127.0.0.1' } = values;
  return { kind: 'run', value: { inventory, project, host, port, settleMs, keepDays, databaseUrl, checkpoints } };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true }).values;
  } catch (error) {
    return sayWrongFlag(error, Object.keys(OPTIONS));
  }
}

function wrong(message: string): ParsedArguments {
  return { kind: 'wrong', message };
}
