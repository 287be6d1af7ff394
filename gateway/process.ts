/**
 * The gateway process: from its arguments to its exit code. It opens the data directory, starts the shard and the
 * admin API, says on stdout that it is ready, and stops within a bound when it is told to.
 */
import { dirname, resolve } from 'node:path';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Inventory } from '../core/inventory.ts';
import { formatProblem } from '../core/located-yaml.ts';
import { type AdminServer, startAdminServer } from './admin/server.ts';
import { type AdminTls, AdminTlsFolder } from './admin-tls.ts';
import { type GatewayArguments, HELP, parseArguments } from './arguments.ts';
import { credentialsIn, type Identity, initDataDir, misfit, type OpenedDataDir, openDataDir } from './data-dir.ts';
import { Ending, EXIT, type ExitCode, endingOf, refusalOf } from './ending.ts';
import { readJournalKeys } from './journal-keys.ts';
import { moveIn } from './move-in-command.ts';
import { moveOut } from './move-out-command.ts';
import { repairDataDir } from './repair-command.ts';
import { restoreDataDir } from './restore-command.ts';
import type { Shard, StartShard } from './shard-options.ts';
import { databaseUrlIn, readInventory, readKnown } from './start-files.ts';
import { keepTlsFresh } from './tls-renewal.ts';
import { TrustedSigners } from './trusted-signers.ts';

/** What the process is given from outside, so that tests can be the outside. */
export type Surroundings = {
  readonly startShard: StartShard;
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
  readonly logTo: DestinationStream;
  /** Calls back for each signal that the process gets. */
  readonly onSignal: (handle: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP') => void) => void;
};

type Serve = Extract<GatewayArguments, { command: 'serve' }>;

const STOP_BOUND_MS = 10_000;
/** For the syncs and closes after the bound; past it the process goes without them, and the journal recovers. */
const LAST_BOUND_MS = 5_000;
const HTTPS_PORT = 443;
const DAY_MS = 86_400_000;

/** Resolves with the exit code when the process has nothing left to do. */
export async function runGateway(argv: readonly string[], around: Surroundings): Promise<ExitCode> {
  try {
    const parsed = parseArguments(argv);
    if (!parsed.ok) throw new Ending(EXIT.usage, [parsed.message, 'what there is: cutover gateway --help']);
    const { value } = parsed;
    if (value.command === 'help') {
      around.out(HELP);
      return EXIT.done;
    }
    if (value.command === 'repair') {
      const keys = await readJournalKeys(process.env);
      const report = await repairDataDir(resolve(value.dataDir), value.yes, keys, Date.now());
      around.out(JSON.stringify(report));
      return report.lost.length > 0 && !report.repaired ? EXIT.refused : EXIT.done;
    }
    const inventory = await readInventory(value.inventory);
    if (value.command === 'restore') {
      const known = await readKnown(value.known, inventory);
      const keys = await readJournalKeys(process.env);
      const dataDir = resolve(value.dataDir);
      const databaseUrl = databaseUrlIn(process.env, value.databaseUrlEnv);
      const asked = { dataDir, inventory, known, databaseUrl, keys, nowMs: Date.now(), isWanted: value.yes };
      const report = await restoreDataDir(asked);
      around.out(JSON.stringify(report));
      return report.restored ? EXIT.done : EXIT.refused;
    }
    if (value.command === 'move-out' || value.command === 'move-in') return await moveFeed(value, inventory, around);
    if (value.command === 'serve') return await serve(value, inventory, around);
    const identity = await birth(value.dataDir, inventory, value.shard, value.target);
    around.out(JSON.stringify({ born: true, dataDir: value.dataDir, ...identity }));
    return EXIT.done;
  } catch (error) {
    const ending = error instanceof Ending ? error : endingOf(error);
    for (const line of ending.lines) around.error(`cutover gateway: ${line}`);
    return ending.code;
  }
}

async function moveFeed(
  value: Extract<GatewayArguments, { command: 'move-out' | 'move-in' }>,
  inventory: Inventory,
  around: Surroundings,
): Promise<ExitCode> {
  const keys = await readJournalKeys(process.env);
  const [dataDir, file] = [resolve(value.dataDir), resolve(value.file)];
  const asked = { dataDir, inventory, file, keys, nowMs: Date.now(), isWanted: value.yes };
  if (value.command === 'move-out') {
    const report = await moveOut({ ...asked, feeds: value.feeds, to: value.to });
    around.out(JSON.stringify(report));
    return report.file === null ? EXIT.refused : EXIT.done;
  }
  const known = value.known === null ? null : await readKnown(value.known, inventory);
  const report = await moveIn({ ...asked, known });
  around.out(JSON.stringify(report));
  return report.movedIn ? EXIT.done : EXIT.refused;
}

async function serve(options: Serve, inventory: Inventory, around: Surroundings): Promise<ExitCode> {
  const signers = options.signers === null ? null : await TrustedSigners.read(options.signers, options.revoked);
  const databaseUrl = databaseUrlIn(process.env, options.databaseUrlEnv);
  const keys = await readJournalKeys(process.env);
  const opened = await openOrBear(options, inventory);
  try {
    const { identity, path } = opened;
    if (identity.target === 'production' && signers === null) {
      const message = 'this data directory is of target production, where moves need signed approvals';
      throw new Ending(EXIT.refused, [`${message} → name the allowed signers: --signers F`]);
    }
    const base = { deployment: identity.deployment, shard: identity.shard };
    const logger = pino({ base, level: process.env.CUTOVER_LOG_LEVEL ?? 'info' }, around.logTo);
    if (signers !== null) logger.info({ event: 'signers', ...signers.describe() }, 'signers read');
    const inventoryFolder = resolve(dirname(options.inventory));
    const folder = options.adminTls === null ? null : await AdminTlsFolder.read(options.adminTls);
    const shard = await around.startShard({
      adminCertificate: () => (folder?.present ?? opened).certificate,
      listenHost: options.listenHost,
      frameBudgetBytes: options.frameBudgetMib * 1024 ** 2,
      openInputs: options.openInputs,
      keepMs: options.keepDays === null ? null : options.keepDays * DAY_MS,
      inventory,
      inventoryFolder,
      identity,
      dataDir: path,
      signers,
      databaseUrl,
      keys,
      logger,
      now: Date.now,
    });
    return await serveShard(shard, { opened, folder }, options, inventory, logger, around, signers);
  } finally {
    opened.lock.release();
  }
}

async function serveShard(
  shard: Shard,
  { opened, folder }: { readonly opened: OpenedDataDir; readonly folder: AdminTlsFolder | null },
  options: Serve,
  inventory: Inventory,
  logger: Logger,
  around: Surroundings,
  signers: TrustedSigners | null,
): Promise<ExitCode> {
  const { certificate, key, credentials } = opened;
  const tls: AdminTls = folder?.present ?? { certificate, key, clientAuthorities: null };
  const admin = await startAdminServer({
    host: shard.host,
    credentials,
    tls,
    port: options.adminPort ?? adminPortOf(inventory, opened.identity.shard),
    address: options.adminHost,
    logger,
  }).catch(async (error: unknown) => {
    await shard.stop(0);
    throw error;
  });

  const renewal =
    folder === null ? null : keepTlsFresh(folder, { renewTls: () => admin.renew({ tls: folder.present }) }, logger);
  const told = Promise.withResolvers<string>();
  const readAgain = async (): Promise<void> => {
    await readCredentials(opened.path, admin, logger);
    await renewal?.refresh();
    await signers?.revokeMore(logger);
    await reload(shard, options.inventory, opened, logger);
  };
  // One after the other: of two in a row the later one has the last word.
  let reading = Promise.resolve();
  around.onSignal((signal) => {
    if (signal !== 'SIGHUP') return told.resolve(signal);
    reading = reading.then(readAgain);
  });
  const { port: adminPort } = admin;
  around.out(
    JSON.stringify({ ready: true, adminPort, feeds: shard.feeds, connections: shard.host.info().connections }),
  );
  logger.info({ event: 'ready', adminPort, feeds: shard.feeds }, 'serving');

  const signal = await told.promise;
  logger.info({ event: 'stopping', signal }, 'stopping');
  renewal?.stop();
  const stopped = await within(
    STOP_BOUND_MS + LAST_BOUND_MS,
    Promise.all([shard.stop(STOP_BOUND_MS), admin.close(STOP_BOUND_MS)]),
  );
  if (!stopped) throw new Ending(EXIT.failed, ['it did not stop in time; the journal recovers at the next start']);
  logger.info({ event: 'stopped' }, 'stopped');
  return EXIT.done;
}

async function openOrBear(options: Serve, inventory: Inventory): Promise<OpenedDataDir> {
  const { dataDir } = options;
  const opened = await openDataDir({ dataDir, inventory });
  if (opened.ok) return opened.value;
  if (!options.init || opened.refusal.code !== 'data-dir-absent') throw refusalOf(opened.refusal);
  await birth(dataDir, inventory, 0, 'local');
  const born = await openDataDir({ dataDir, inventory });
  if (!born.ok) throw refusalOf(born.refusal);
  return born.value;
}

async function birth(
  dataDir: string,
  inventory: Inventory,
  shard: number,
  target: Identity['target'],
): Promise<Identity> {
  const born = await initDataDir({ dataDir, inventory, shard, target, now: new Date() });
  if (!born.ok) throw refusalOf(born.refusal);
  return born.value;
}

async function readCredentials(dataDir: string, admin: AdminServer, logger: Logger): Promise<void> {
  const read = await credentialsIn(dataDir);
  if (!read.ok) {
    const problem = `${read.refusal.message} → correct it, then SIGHUP`;
    logger.error({ event: 'reload', problem }, 'credentials cannot be read; the ones from before stay');
    return;
  }
  await admin.renew({ credentials: read.value });
  const names = read.value.map(({ name, role }) => `${name} (${role})`);
  logger.info({ event: 'credentials', names }, 'credentials read');
}

async function reload(
  shard: Shard,
  file: string,
  { path, identity }: Pick<OpenedDataDir, 'path' | 'identity'>,
  logger: Logger,
): Promise<void> {
  try {
    const inventory = await readInventory(file);
    // Connections that are taken stay in the journal: another lab's would keep this gateway from starting again.
    const unfit = misfit(path, identity, inventory);
    if (unfit !== null) throw refusalOf(unfit);
    const problems = await shard.reload(inventory);
    for (const problem of problems)
      logger.error({ event: 'reload', problem: formatProblem(problem) }, 'inventory refused');
    if (problems.length === 0) logger.info({ event: 'reload' }, 'inventory taken');
  } catch (error) {
    const lines = error instanceof Ending ? error.lines : endingOf(error).lines;
    for (const problem of lines)
      logger.error({ event: 'reload', problem }, 'inventory refused; the one from before stays');
  }
}

function adminPortOf(inventory: Inventory, shard: number): number {
  const address = inventory.gateways.find((gateway) => gateway.shard === shard)?.admin;
  const port = address === undefined ? '' : new URL(address).port;
  return port === '' ? HTTPS_PORT : Number(port);
}

async function within(boundMs: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), boundMs);
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
