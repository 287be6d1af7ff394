/** The rehearsal's command line: what can be asked for, judged before anything is started. */

import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sayWrongFlag } from '../core/flag-words.ts';
import { wholeNumber } from '../core/whole-number.ts';
import { FAULTS } from './faults/index.ts';
import { FAULT_NAMES, FAULT_SUMMARIES, type FaultName, isFaultName } from './faults/names.ts';

export type Options = {
  readonly connections: number;
  /** Gateways, one a shard, among which the practices are shared out. */
  readonly gateways: number;
  /** Messages per second, both directions together. */
  readonly ratePerSecond: number;
  /** Practices whose results share one feed of the LIS. */
  readonly onSharedFeed: number;
  /** Connections whose platforms poll a table. */
  readonly withoutFeed: number;
  readonly seed: string;
  readonly messagesFolder: string | null;
  readonly inventoryFile: string | null;
  readonly keep: boolean;
  readonly json: boolean;
  /** In the order in which they are played. */
  readonly faults: readonly FaultName[];
  /** A worker runs, and compare and reconcile are asked. */
  readonly proof: boolean;
  /** Where the report goes; null: the state folder. */
  readonly reportFile: string | null;
};

export type Parsed =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'usage'; readonly message: string; readonly json: boolean };

const DEFAULT_CONNECTIONS = 250;
const MOST_GATEWAYS = 4;
const SECOND_GATEWAY_FROM_CONNECTIONS = 40;
const PROOF_UP_TO_CONNECTIONS = 40;
/** What these do shows in a comparison alone. */
const FOUND_BY_PROOF: readonly FaultName[] = ['drift', 'drop', 'duplicate'];
/** It takes back what the other gateways carry: nothing that needs the new platform in control can come after it. */
const LEAVES_A_PART_ROLLED_BACK: FaultName = 'gateway-dies';
const DEFAULT_RATE_PER_CONNECTION = 5;
/** Somewhat more than the 500 that a lab of 250 connections has to carry: stopping to count costs some. */
const HIGHEST_DEFAULT_RATE_PER_SECOND = 550;
const MOST_SHARED_BY_DEFAULT = 3;
const SHARED_FROM_CONNECTIONS = 40;
/** A dead poller's rows are a person's to look after: in a night with a fault none is played. */
const WITHOUT_FEED_FROM_CONNECTIONS = 24;
const MOST_CONNECTIONS = 1000;
const MOST_PER_SECOND = 5000;
/** A rate that every connection can follow without a backlog of its own. */
export const RATE_PER_CONNECTION = 10;

export const HELP = `Usage: cutover rehearse [options]

A whole cut-over on this machine: real gateway, Pulumi engine and PostgreSQL, simulated EMRs, LIS and platforms under
load. Steps: parallel, switch, rollback, switch, decommission; then an independent count at both ends, and a report.
A whole lab takes about three minutes on 2 cores, a look at it, --connections 24, one.

  --connections N   how many HL7 connections (default ${DEFAULT_CONNECTIONS}; half orders, half results)
  --rate R          messages per second in total (default ${DEFAULT_RATE_PER_CONNECTION} a connection and ${HIGHEST_DEFAULT_RATE_PER_SECOND} in all; at most ${RATE_PER_CONNECTION} a connection)
  --gateways N      gateways, among which the practices are shared out (default 2; 1 below ${SECOND_GATEWAY_FROM_CONNECTIONS} connections)
  --shared-feed N   practices whose results come over one feed of the LIS, some copied to another of them (default: none
                    below ${SHARED_FROM_CONNECTIONS} connections, else one practice in ten, at most ${MOST_SHARED_BY_DEFAULT})
  --without-feed N  connections without a feed: a platform polls a table, and they move by stop, empty, start (default: one
                    from ${WITHOUT_FEED_FROM_CONNECTIONS} connections on; with a fault none, and none can be asked for)
  --seed S          the same seed makes the same estate and messages (default 1)
  --messages DIR    send your own message files (one, several, batches or MLLP frames per file)
  --inventory F     your own inventory instead of a made one; other hosts than this one are never reached: a copy is played
  --proof           run the proof worker as well, and ask compare and reconcile (default up to ${PROOF_UP_TO_CONNECTIONS} connections, and
                    with the faults drift, drop and duplicate; it takes a processor of its own); --no-proof: count alone
  --fault F,G       one of the faults below, or several in one night; of those that take the rollback's place, one
  --report FILE     the HTML report goes there (default: a new file in $XDG_STATE_HOME/cutover, ~/.local/state/cutover)
  --keep            leave the folder with project, journal and logs, and say where
  --json            one JSON document on stdout; progress stays on stderr
  --help

Faults:
${FAULT_NAMES.map((name) => `  ${name.padEnd(17)} ${FAULT_SUMMARIES[name]}`).join('\n')}

Environment: DATABASE_URL uses a PostgreSQL of yours instead of the embedded one.

  cutover rehearse
  cutover rehearse --connections 24
  cutover rehearse --connections 10 --rate 40
  cutover rehearse --connections 20 --fault control-dies
  cutover rehearse --messages ./samples --json > rehearsal.json
`;

const OPTIONS = {
  connections: { type: 'string' },
  rate: { type: 'string' },
  gateways: { type: 'string' },
  'shared-feed': { type: 'string' },
  'without-feed': { type: 'string' },
  seed: { type: 'string' },
  messages: { type: 'string' },
  inventory: { type: 'string' },
  fault: { type: 'string' },
  proof: { type: 'boolean' },
  report: { type: 'string' },
  keep: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export function parseOptions(argv: readonly string[]): Parsed {
  const json = argv.includes('--json');
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS, allowNegative: true });
    if (values.help) return { kind: 'help', text: HELP };
    const connections = countOf('connections', values.connections, DEFAULT_CONNECTIONS, MOST_CONNECTIONS);
    const most = Math.min(MOST_PER_SECOND, connections * RATE_PER_CONNECTION);
    const usual = Math.min(HIGHEST_DEFAULT_RATE_PER_SECOND, connections * DEFAULT_RATE_PER_CONNECTION);
    const ratePerSecond = countOf('rate', values.rate, usual, most);
    const faults = faultsOf(values.fault);
    const options: Options = {
      connections,
      gateways: countOf('gateways', values.gateways, gatewaysByDefault(connections), MOST_GATEWAYS),
      ratePerSecond,
      onSharedFeed: countOf(
        'shared-feed',
        values['shared-feed'],
        sharedByDefault(connections),
        Math.floor(connections / 2),
        0,
      ),
      withoutFeed: countOf(
        'without-feed',
        values['without-feed'],
        withoutFeedByDefault(connections, faults),
        faults.length === 0 ? connections - 1 : 0,
        0,
      ),
      seed: values.seed ?? '1',
      messagesFolder: existing('messages', values.messages, 'folder'),
      inventoryFile: existing('inventory', values.inventory, 'file'),
      keep: values.keep ?? false,
      json,
      faults,
      proof:
        values.proof ??
        (connections <= PROOF_UP_TO_CONNECTIONS || faults.some((fault) => FOUND_BY_PROOF.includes(fault))),
      reportFile: writable(values.report),
    };
    return { kind: 'run', options };
  } catch (error) {
    return { kind: 'usage', message: sayWrongFlag(error, Object.keys(OPTIONS)), json };
  }
}

function gatewaysByDefault(connections: number): number {
  return connections < SECOND_GATEWAY_FROM_CONNECTIONS ? 1 : 2;
}

export function withoutFeedByDefault(connections: number, faults: readonly FaultName[]): number {
  return faults.length === 0 && connections >= WITHOUT_FEED_FROM_CONNECTIONS ? 1 : 0;
}

/** A small estate is there to be understood; a large one has what a lab has. */
function sharedByDefault(connections: number): number {
  const practices = Math.floor(connections / 2);
  return connections < SHARED_FROM_CONNECTIONS ? 0 : Math.min(MOST_SHARED_BY_DEFAULT, Math.floor(practices / 10));
}

function countOf(name: string, text: string | undefined, otherwise: number, most: number, least = 1): number {
  if (text === undefined) return otherwise;
  const value = wholeNumber(text, most, least);
  if (value !== null) return value;
  throw new RangeError(`--${name} is '${text}'; it must be a whole number from ${least} to ${most}`);
}

function existing(name: string, path: string | undefined, kind: 'file' | 'folder'): string | null {
  if (path === undefined) return null;
  const full = resolve(path);
  const isThere = existsSync(full) && (kind === 'folder' ? statSync(full).isDirectory() : statSync(full).isFile());
  if (isThere) return full;
  throw new RangeError(`--${name}: there is no ${kind} ${full}`);
}

function writable(path: string | undefined): string | null {
  if (path === undefined) return null;
  const full = resolve(path);
  if (existsSync(full) && statSync(full).isDirectory()) throw new RangeError(`--report: ${full} is a folder`);
  if (existsSync(dirname(full))) return full;
  throw new RangeError(`--report: there is no folder ${dirname(full)}`);
}

function faultsOf(text: string | undefined): FaultName[] {
  if (text === undefined) return [];
  const faults = text.split(',').map((name) => {
    if (isFaultName(name)) return name;
    throw new RangeError(`--fault is '${name}'; it must be one of ${FAULT_NAMES.join(', ')}`);
  });
  if (new Set(faults).size < faults.length) throw new RangeError(`--fault is '${text}': each can be named once`);
  const replacing = faults.filter((fault) => 'insteadOf' in FAULTS[fault].at);
  if (replacing.length > 1)
    throw new RangeError(`--fault: ${replacing.join(' and ')} take the place of the one rollback; name one of them`);
  const leaving = faults.indexOf(LEAVES_A_PART_ROLLED_BACK);
  const [besides = faults[leaving + 1]] = replacing;
  if (leaving !== -1 && besides !== undefined)
    throw new RangeError(
      `--fault: ${LEAVES_A_PART_ROLLED_BACK} rolls back what the other gateways carry; name it last, and ${besides} in another night`,
    );
  return faults;
}
