/**
 * For tests of the gate by real causes: a production gateway that ships to a real PostgreSQL, the worker, a test connection
 * and a live one with platforms that can be stopped, people with keys, files that people edit, and traffic of weeks.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { type Estate, startEstate } from './verbs-estate.ts';
import { REPOSITORY, type VerbRun } from './verbs-harness.ts';
import { type Parties, startParties } from './verbs-parties.ts';

const run = promisify(execFile);
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

export type GateSite = {
  readonly folder: string;
  readonly estate: Estate;
  readonly database: TestPostgres;
  /** [test connection, live one]. */
  readonly names: readonly [string, string];
  /** What the new platform makes of a message; changed by a test. */
  readonly mapping: { current: (message: string) => string };
  parties(name: string): Parties;
  feedPort(name: string): number;
  key(person: string): string;
  /** A file of `stacks/test`. */
  write(file: string, text: string): Promise<void>;
  /** `laterMs`: on a machine whose clock is that much ahead. */
  cutover(args: readonly string[], laterMs?: number, env?: Readonly<Record<string, string>>): Promise<VerbRun>;
  /** `effects` is null: the inventory does not say which there are. */
  inventory(over: { readonly window?: object; readonly effects?: readonly object[] | null }): Promise<void>;
  startWorker(): Promise<void>;
  stop(): Promise<void>;
};

/** From an hour ago for nine hours, whatever the time of day. */
export function openWindow(): object {
  const opens = new Date(Date.now() - HOUR_MS);
  const closes = new Date(opens.getTime() + 9 * HOUR_MS);
  const clock = (at: Date): string => at.toISOString().slice(11, 16);
  return { days: [DAYS[opens.getUTCDay()]], from: clock(opens), to: clock(closes), timeZone: 'UTC' };
}

/** The same hours, three days later. */
export function closedWindow(): object {
  const opens = new Date(Date.now() - HOUR_MS);
  return { ...openWindow(), days: [DAYS[(opens.getUTCDay() + 3) % 7]] };
}

export async function startGateSite(): Promise<GateSite> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    return await start(cleanups, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(cleanups: (() => Promise<unknown>)[], stop: () => Promise<void>): Promise<GateSite> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-gate-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const signers = join(folder, 'signers');
  await writeFile(signers, await peopleIn(folder));
  const database = await startPostgres();
  cleanups.push(() => database.remove());
  const mapping = { current: (message: string) => message };
  const parties = new Map<string, Parties>();
  const ports = new Map<string, number>();
  cleanups.push(() => Promise.all([...parties.values()].map((one) => one.stop())));
  const estate = await startEstate(2, {
    signers,
    databaseUrl: database.url,
    change: async ({ name, legs, feed }) => {
      const { legacy, new: next } = Object(legs);
      const changed = { legacy: (it: string) => it, new: (it: string) => mapping.current(it) };
      const own = await startParties({ legacy: legacy.port, new: next.port }, changed);
      parties.set(name, own);
      ports.set(name, Object(feed).port);
      const at = (port: number): object => ({ host: '127.0.0.1', port });
      return {
        wave: 'pilot',
        owners: { emr: 'acme', new: 'integration-team' },
        feed: {
          ...Object(feed),
          ackTimeout: '60s',
          platforms: { legacy: at(own.ports.legacy), new: at(own.ports.new) },
        },
        destination: at(own.ports.destination),
        correlate: ['MSH-10'],
      };
    },
  });
  cleanups.push(() => estate.stop());
  const stackFolder = join(estate.project.folder, 'stacks/test');
  const [one = '', two = ''] = estate.names;
  const of = <T>(map: ReadonlyMap<string, T>, name: string): T => {
    const found = map.get(name);
    if (found === undefined) throw new Error(`no connection is named ${name}`);
    return found;
  };
  const write = (file: string, text: string): Promise<void> => writeFile(join(stackFolder, file), text);
  await write('signers', await readFile(signers, 'utf8'));
  return {
    folder,
    estate,
    database,
    names: [one, two],
    mapping,
    parties: (name) => of(parties, name),
    feedPort: (name) => of(ports, name),
    key: (person) => join(folder, person),
    write,
    cutover: (args, laterMs = 0, env = {}) =>
      estate.project.cutover(args, laterMs === 0 ? env : { ...env, NODE_OPTIONS: `--import=${clockAhead(laterMs)}` }),
    inventory: ({ window = openWindow(), effects = [] }) => {
      const connections = estate.inventory.connections.map((item) => ({
        ...item,
        ...(effects === null ? {} : { effects }),
      }));
      return estate.project.writeInventory({
        ...estate.inventory,
        target: 'production',
        defaults: { window },
        connections,
      });
    },
    startWorker: async () => {
      const worker = await startWorker(estate, database.url);
      cleanups.push(() => ended(worker, 'SIGTERM'));
    },
    stop,
  };
}

/** Three people, each with a key and one role at most; the lines of the signers file. */
async function peopleIn(folder: string): Promise<string> {
  const lines: string[] = [];
  for (const [person, role] of [
    ['ann', 'engineering'],
    ['bob', 'lab-operations'],
  ] as const) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', `role=${role}`, '-f', join(folder, person)]);
    lines.push(`${person}@lab ${(await readFile(join(folder, `${person}.pub`), 'utf8')).trim()}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Three weeks of old message files of each connection: busy all day, and `nightly` messages an hour in the hours of the window. */
export async function writeArchive(site: GateSite, folder: string, nightly: number): Promise<void> {
  const opensHour = new Date(Date.now() - HOUR_MS).getUTCHours();
  const hour = Math.floor(Date.now() / HOUR_MS);
  for (const name of site.names) {
    await mkdir(join(folder, name), { recursive: true });
    const lines: string[] = [];
    for (let back = 23 * 24; back > 24; back--) {
      const at = new Date((hour - back) * HOUR_MS);
      const isNight = (at.getUTCHours() - opensHour + 24) % 24 < 10;
      const stamp = at.toISOString().replaceAll(/[-T:]/g, '').slice(0, 10);
      for (let n = 0; n < (isNight ? nightly : 40); n++)
        lines.push(
          `MSH|^~\\&|EMR|N|LIS|L|${stamp}${String(n % 60).padStart(2, '0')}00+0000||ORM^O01|${back}-${n}|P|2.5.1`,
        );
    }
    await writeFile(join(folder, name, 'old.hl7'), `${lines.join('\r')}\r`);
  }
}

/** For node's --import: whatever the process does, it does that much later. */
function clockAhead(ms: number): string {
  const code = `const D=Date;const m=${ms};globalThis.Date=class extends D{constructor(...a){if(a.length===0)super(D.now()+m);else super(...a)}static now(){return D.now()+m}};`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

async function startWorker(estate: Estate, databaseUrl: string): Promise<ChildProcess> {
  const { folder } = estate.project;
  const args = ['--inventory', join(folder, 'stacks/test/inventory.yaml'), '--project', folder, '--settle', '2s'];
  const child = spawn(process.execPath, [join(REPOSITORY, 'proof/main.ts'), ...args], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const over = once(child, 'exit').then(([code]): never => {
    throw new Error(`the worker ended with ${code}`);
  });
  over.catch(() => undefined);
  await Promise.race([once(createInterface(child.stdout), 'line'), over]);
  return child;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

export const HANDOVER = `
handOffs:
  legacy: [{ what: keep queues, contact: lee, agreed: 2026-03-01 }]
  new: [{ what: on call, contact: kim, agreed: 2026-03-01 }]
  emr: [{ vendor: acme, what: watch the first orders, contact: ada, agreed: 2026-03-01 }]
  lis: [{ what: watch the log, contact: bo, agreed: 2026-03-01 }]
knowledgeTransfer: [{ topic: runbooks, to: on-call, done: 2026-03-02 }]
notices: [{ wave: pilot, to: northside, sent: 2026-03-03 }]
onCall: [{ team: integration-team, people: [{ name: Dana, role: on-call, phone: "+1 555 0103" }] }]
bridge: { dialIn: "+1 555 0100", contacts: [{ name: ann, role: lead, phone: "+1 555 0101" }] }
roster: [{ wave: pilot, people: [{ name: bob, role: integration, phone: "+1 555 0102" }] }]
`;
