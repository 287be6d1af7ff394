/** The rehearsal's command line: what can be asked for, judged before anything is started. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const SCENARIO_FAULTS = ['drift', 'slow', 'nak', 'drop', 'duplicate', 'candidate-down'] as const;
export type ScenarioFault = (typeof SCENARIO_FAULTS)[number];

export type Options = {
  readonly connections: number;
  /** Messages per second, both directions together. */
  readonly ratePerSecond: number;
  /** Practices whose results share one feed of the LIS. */
  readonly onSharedFeed: number;
  readonly seed: string;
  readonly messagesFolder: string | null;
  readonly inventoryFile: string | null;
  readonly keep: boolean;
  readonly json: boolean;
  readonly fault: ScenarioFault | null;
};

export type Parsed =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'usage'; readonly message: string; readonly json: boolean };

const DEFAULT_CONNECTIONS = 250;
const DEFAULT_RATE_PER_SECOND = 500;
const MOST_CONNECTIONS = 1000;
const MOST_PER_SECOND = 5000;
/** A rate that every connection can follow without a backlog of its own. */
export const RATE_PER_CONNECTION = 10;

export const HELP = `Usage: cutover rehearse [options]

A whole cut-over on this machine: real gateway, Pulumi engine and PostgreSQL, simulated EMRs, LIS and platforms under
load. Steps: parallel, switch, rollback, switch, decommission; then an independent count at both ends.

  --connections N   how many HL7 connections (default ${DEFAULT_CONNECTIONS}; half orders, half results)
  --rate R          messages per second in total (default ${DEFAULT_RATE_PER_SECOND}, at most ${RATE_PER_CONNECTION} a connection)
  --shared-feed N   practices whose results come over one feed of the LIS (default 0)
  --seed S          the same seed makes the same estate and messages (default 1)
  --messages DIR    send your own message files (one, several, batches or MLLP frames per file)
  --inventory F     your own inventory instead of a made one (loopback addresses only)
  --fault F         trouble on the new platform during the parallel run: ${SCENARIO_FAULTS.join(', ')}
  --keep            leave the folder with project, journal, logs and report, and say where
  --json            one JSON document on stdout; progress stays on stderr
  --help

Environment: DATABASE_URL uses a PostgreSQL of yours instead of the embedded one.

  cutover rehearse
  cutover rehearse --connections 10 --rate 40
  cutover rehearse --messages ./samples --json > rehearsal.json
`;

const OPTIONS = {
  connections: { type: 'string' },
  rate: { type: 'string' },
  'shared-feed': { type: 'string' },
  seed: { type: 'string' },
  messages: { type: 'string' },
  inventory: { type: 'string' },
  fault: { type: 'string' },
  keep: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

export function parseOptions(argv: readonly string[]): Parsed {
  const json = argv.includes('--json');
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS });
    if (values.help) return { kind: 'help', text: HELP };
    const connections = wholeNumber('connections', values.connections, DEFAULT_CONNECTIONS, MOST_CONNECTIONS);
    const most = Math.min(MOST_PER_SECOND, connections * RATE_PER_CONNECTION);
    const ratePerSecond = wholeNumber('rate', values.rate, Math.min(DEFAULT_RATE_PER_SECOND, most), most);
    const options: Options = {
      connections,
      ratePerSecond,
      onSharedFeed: wholeNumber('shared-feed', values['shared-feed'], 0, Math.floor(connections / 2)),
      seed: values.seed ?? '1',
      messagesFolder: existing('messages', values.messages, 'folder'),
      inventoryFile: existing('inventory', values.inventory, 'file'),
      keep: values.keep ?? false,
      json,
      fault: faultOf(values.fault),
    };
    return { kind: 'run', options };
  } catch (error) {
    return { kind: 'usage', message: error instanceof Error ? error.message : String(error), json };
  }
}

function wholeNumber(name: string, text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= most) return value;
  throw new RangeError(`--${name} is '${text}'; it must be a whole number from 1 to ${most}`);
}

function existing(name: string, path: string | undefined, kind: 'file' | 'folder'): string | null {
  if (path === undefined) return null;
  const full = resolve(path);
  const isThere = existsSync(full) && (kind === 'folder' ? statSync(full).isDirectory() : statSync(full).isFile());
  if (isThere) return full;
  throw new RangeError(`--${name}: there is no ${kind} ${full}`);
}

function faultOf(text: string | undefined): ScenarioFault | null {
  if (text === undefined) return null;
  const fault = SCENARIO_FAULTS.find((known) => known === text);
  if (fault !== undefined) return fault;
  throw new RangeError(`--fault is '${text}'; it must be one of ${SCENARIO_FAULTS.join(', ')}`);
}
