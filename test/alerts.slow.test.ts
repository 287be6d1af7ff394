/**
 * Every alert by its real cause: a gateway, a worker and a PostgreSQL that run, platforms, senders and disks that misbehave,
 * and a Prometheus with the rules of this product that scrapes them. Each fires where its cause is and nowhere else, and
 * beside them all a connection with ordinary traffic never has one.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { freePorts } from '../adapters/test-ports.ts';
import {
  end,
  type Firing,
  HAS_PROMETHEUS,
  history,
  Prometheus,
  printedAlerts,
  startWorker,
  type Worker,
} from './monitoring-site.ts';
import {
  answer,
  type Estate,
  frame,
  idOf,
  type Line,
  type LineOptions,
  order,
  startEstate,
  until,
} from './rules/peers.ts';

const LIMIT_MS = 300_000;
const DATABASE = 'CUTOVER_TEST_ALERTS_DATABASE';
const WATCHDOG = 'CutoverWatchdog';
const DAY_MS = 86_400_000;
const BUDGET_MIB = 16;
const OPEN_INPUTS = 2000;
/** Over four fifths of a limit, and under the limit. */
const NEARLY = 0.9;
/** Nothing has to come: what a sender sends is settled with its answer. */
const QUIET: LineOptions = { connection: { outputs: 'zero-or-one' } };
/** No feed: a platform polls a table. */
const FLOW: LineOptions = { connection: { origin: 'platform', feed: undefined } };
const LINES = {
  calm: QUIET,
  silent: QUIET,
  held: QUIET,
  behind: QUIET,
  overtaken: QUIET,
  refusing: QUIET,
  rejecting: QUIET,
  unanswered: QUIET,
  parking: QUIET,
  undecided: {},
  'one-way': QUIET,
  diverging: { connection: { correlate: ['MSH-10'], outputs: 'one' } },
  impatient: {
    feed: { ackTimeout: '4s' },
    platform: { answerTimeout: '20s' },
    connection: { outputs: 'zero-or-one', settle: '1ms' },
  },
  expiring: { ...QUIET, feed: { tls: { cert: 'feed.crt', key: 'feed.key' } } },
  piling: { ...QUIET, feed: { ackTimeout: '5m' } },
  waiting: { connection: { outputs: 'one', settle: '10m' } },
  foreign: { ...QUIET, feed: { sourceAllow: ['10.0.0.0/8'] } },
  polled: FLOW,
  unpolled: FLOW,
} satisfies Record<string, LineOptions>;

/** A file system of its own, where one can be had: a disk is filled for real. */
function mountSmallDisk(folder: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=320m', 'tmpfs', folder]).status === 0;
}

function growSmallDisk(folder: string): void {
  execFileSync('mount', ['-o', 'remount,size=1g', folder]);
}

describe.skipIf(!HAS_PROMETHEUS)('alerts (skipped without prometheus: apt-get install prometheus)', () => {
  let estate: Estate;
  let database: TestPostgres;
  let worker: Worker;
  let prometheus: Prometheus;
  let hasOwnDisk: boolean;
  let endTraffic: () => Promise<void>;
  const fired = new Set<string>();

  beforeAll(async () => {
    database = await startPostgres();
    process.env[DATABASE] = database.url;
    estate = await startEstate(LINES, true);
    await certificate(estate.folder, 10 * DAY_MS);
    await mkdir(estate.dataDir);
    hasOwnDisk = mountSmallDisk(estate.dataDir);
    // Prometheus asks there also after a restart, and nobody else may have taken it meanwhile.
    const [adminPort = 0] = await freePorts(1);
    const limits = ['--frame-budget', String(BUDGET_MIB), '--open-inputs', String(OPEN_INPUTS)];
    estate.args = ['--init', '--database-url-env', DATABASE, '--admin-port', String(adminPort), ...limits];
    await estate.start();
    for (const line of Object.values(estate.lines)) {
      for (const peer of line.peers) peer.answerAll();
    }
    worker = await startWorker(estate.inventoryFile, database.url);
    endTraffic = await ordinaryTraffic(estate.line('calm'));
    const instance = `127.0.0.1:${estate.adminPort}`;
    prometheus = await Prometheus.start({
      shards: 1,
      gateways: [estate.adminPort],
      worker: worker.port,
      history: [
        '# TYPE cutover_messages_total gauge\n',
        lastWeek(instance, 'silent', 'received'),
        lastWeek(instance, 'calm', 'received'),
        // It has none today: what has a feed is judged by what its source sends.
        lastWeek(instance, 'calm', 'outputs'),
        lastWeek(instance, 'unpolled', 'outputs'),
        '# EOF\n',
      ].join(''),
    });
    await until(async () => expect(await firing()).toContain(WATCHDOG));
  }, LIMIT_MS);
  afterAll(async () => {
    await endTraffic?.();
    await prometheus?.stop();
    if (worker !== undefined) await end(worker, 'SIGKILL');
    await estate?.end('SIGKILL');
    if (hasOwnDisk) spawnSync('umount', ['-l', estate.dataDir]);
    await estate?.close();
    await database?.remove();
  }, LIMIT_MS);

  /** `alert` or `alert connection`; kept, so that the end can say that nothing else ever fired. */
  const firing = async (): Promise<readonly string[]> => {
    const names = (await prometheus.firing()).map(named);
    for (const name of names) fired.add(name);
    return names;
  };
  const fires = (...names: readonly string[]): Promise<void> =>
    vi.waitFor(async () => expect(await firing()).toEqual(expect.arrayContaining([...names])), {
      timeout: 90_000,
      interval: 250,
    });

  it('are quiet while all is well, but for the switch of a dead man, what is silent and what expires', {
    timeout: LIMIT_MS,
  }, async () => {
    await fires('Silence silent', 'OutputSilence unpolled', 'CertificateExpires');
    expect([...(await firing())].sort()).toEqual([
      'CertificateExpires',
      WATCHDOG,
      'OutputSilence unpolled',
      'Silence silent',
    ]);
  });

  it('ShadowGap: the other platform is down, and what only its copies keep fills the disk', {
    timeout: LIMIT_MS,
  }, async (test) => {
    if (!hasOwnDisk) test.skip('no file system can be mounted here: it needs root');
    const line = estate.line('overtaken');
    await line.move('parallel');
    await line.new.down();
    const source = await line.source();
    const large = `|${'x'.repeat(4 * 1024 * 1024)}`;
    while (((await line.status()).readiness?.shadowGap ?? null) === null) {
      // Refused where it has come before the database had what may go: then another one does it.
      await source.exchange(order(`G${Math.random()}`, large));
    }
    await fires('ShadowGap overtaken');
    const [open] = z
      .object({ decisions: z.array(z.object({ id: z.string() })) })
      .parse((await estate.call('GET', 'decisions')).body).decisions;
    await estate.call('POST', `decisions/${open?.id}`, { action: 'discard', reason: 'the test has seen it' });
    await line.move('legacy');
    // Every segment that fills lets go what the database has by then.
    while (freeShare(estate.dataDir) < 0.3) await source.exchange(order(`G${Math.random()}`, large));
    await until(async () => expect(await firing()).not.toContain('ShadowGap overtaken'));
  });

  it('Held: a feed that is held by hand', { timeout: LIMIT_MS }, async () => {
    await estate.call('POST', 'connections/held/hold', { forMs: 10_000, reason: 'by hand' });
    await fires('Held held');
    await estate.call('POST', 'connections/held/release', {});
    await until(async () => expect(await firing()).not.toContain('Held held'));
  });

  it('EpochConflict: someone moves a connection from an old checkout', { timeout: LIMIT_MS }, async () => {
    expect(await estate.line('held').put('parallel', { expectedEpoch: 99 })).toMatchObject({ status: 409 });
    await fires('EpochConflict');
  });

  it('SourceRejected: the primary answers negatively', { timeout: LIMIT_MS }, async () => {
    const line = estate.line('refusing');
    line.legacy.answerAll('AE');
    await sendAll(line, 20);
    await fires('SourceRejected refusing');
  });

  it('DestinationRejected: the destination answers negatively', { timeout: LIMIT_MS }, async () => {
    const line = estate.line('rejecting');
    line.destination.answerAll('AE');
    const leg = await line.leg('legacy');
    for (let index = 0; index < 20; index++) await leg.exchange(order(`R${index}`));
    await fires('DestinationRejected rejecting');
  });

  it('Unanswered: the primary takes a message and is gone', { timeout: LIMIT_MS }, async () => {
    const line = estate.line('unanswered');
    line.legacy.script = ({ socket }) => socket.resetAndDestroy();
    const source = await line.source();
    source.send(order('U1'));
    await source.closed;
    await fires('Unanswered unanswered');
  });

  it('Parked: a platform without a role sends an output', { timeout: LIMIT_MS }, async () => {
    const leg = await estate.line('parking').leg('new');
    await leg.exchange(order('P1'));
    await fires('Parked parking');
  });

  it('StrangerSends: a platform that does not own a flow without a feed was started too early', {
    timeout: LIMIT_MS,
  }, async () => {
    const line = estate.line('polled');
    await (await line.leg('legacy')).exchange(order('T1'));
    await (await line.leg('new')).exchange(order('T1'));
    await fires('StrangerSends polled');
    const word = { platform: 'new', by: 'Dana', evidence: 'sha256:1' };
    expect(await estate.call('POST', 'connections/polled/stopped', word)).toMatchObject({ status: 200 });
    await until(async () => expect(await firing()).not.toContain('StrangerSends polled'));
  });

  it('DecisionOpen: after a forced rollback nobody can know whether an output was sent', {
    timeout: LIMIT_MS,
  }, async () => {
    const line = estate.line('undecided');
    await line.move('parallel');
    await line.move('switched');
    const source = await line.source();
    await source.exchange(order('D1'));
    await (await line.leg('legacy')).exchange(order('D1'));
    await until(async () => expect((await line.status()).counters.captured).toBe(1));
    await line.new.down();
    await line.move('parallel', { force: true, reason: 'new is down' });
    await fires('DecisionOpen undecided');
  });

  it('RollbackNotReady: legacy rejects what new has taken', { timeout: LIMIT_MS }, async () => {
    const line = estate.line('one-way');
    await line.move('parallel');
    await line.move('switched');
    line.legacy.answerAll('AE');
    await sendAll(line, 2);
    await fires('RollbackNotReady one-way');
  });

  it('Pause: around a swap a sender waits longer than it has patience for', { timeout: LIMIT_MS }, async () => {
    const line = estate.line('impatient');
    await line.move('parallel');
    // What waits at the hold is answered by its new owner after its sender's patience, and long after the swap.
    line.new.script = ({ payload, reply }) =>
      void setTimeout(reply, idOf(payload).startsWith('HELD') ? 4200 : 0, answer(idOf(payload)));
    let answerFirst = (): void => undefined;
    line.legacy.script = ({ payload, reply }) => {
      if (idOf(payload).startsWith('FIRST')) answerFirst = () => reply(answer(idOf(payload)));
      else reply(answer(idOf(payload)));
    };
    const tooLong = 'cutover_pauses_too_long_total{connection="impatient"} 1';
    await until(async () => {
      const { epoch, phase } = await line.status();
      if (phase === 'switched') await line.move('parallel', { reason: 'once more' });
      const [first, second] = [await line.source(), await line.source()];
      first.send(order(`FIRST${epoch}`));
      await until(() => expect(line.legacy.ids).toContain(`FIRST${epoch}`));
      let isOver = false;
      const moved = line.put('switched').finally(() => {
        isOver = true;
      });
      await until(async () => expect(isOver || (await line.status()).state === 'draining').toBe(true));
      second.send(order(`HELD${epoch}`));
      answerFirst();
      await moved;
      await second.answer();
      expect(await estate.text('/metrics')).toContain(tooLong);
    });
    await fires('Pause impatient');
  });

  it('Divergence: the two platforms make different outputs of one message', { timeout: LIMIT_MS }, async () => {
    const line = estate.line('diverging');
    await line.move('parallel');
    const [source, legacy, next] = [await line.source(), await line.leg('legacy'), await line.leg('new')];
    await source.exchange(order('V1'));
    await Promise.all([legacy.exchange(order('V1', '|CBC')), next.exchange(order('V1', '|BMP'))]);
    await fires('Divergence diverging');
  });

  it('FramesFilling and AnswersFilling: a long message and a long answer that never end', {
    timeout: LIMIT_MS,
  }, async () => {
    const line = estate.line('piling');
    const much = Buffer.alloc(NEARLY * BUDGET_MIB * 1024 * 1024, 'x');
    const half = (message: Buffer): Buffer => Buffer.concat([message.subarray(0, -2), much]);
    line.legacy.script = ({ payload, socket }) => void socket.write(half(frame(answer(idOf(payload)))));
    const [slow, waiting] = [await line.source(), await line.source()];
    slow.socket.write(half(frame(order('F1'))));
    waiting.send(order('F2'));
    await fires('FramesFilling', 'AnswersFilling');
    slow.socket.destroy();
    waiting.socket.destroy();
  });

  it('OpenInputsFilling: a platform takes messages and makes nothing of them', { timeout: LIMIT_MS }, async () => {
    await sendAll(estate.line('waiting'), NEARLY * OPEN_INPUTS);
    await fires('OpenInputsFilling');
  });

  it('SocketsRefused: a sender from an address that is not allowed', { timeout: LIMIT_MS }, async () => {
    const line = estate.line('foreign');
    await until(async () => {
      for (let index = 0; index < 20; index++) await (await line.source()).closed;
      expect(await firing()).toContain('SocketsRefused');
    });
  });

  it('ShadowLag: the other platform is down while more than a thousand messages come', {
    timeout: LIMIT_MS,
  }, async () => {
    const line = estate.line('behind');
    await line.move('parallel');
    await line.new.down();
    await sendAll(line, 1005);
    await fires('ShadowLag behind');
  });

  it('DiskFilling: a fifth of the disk is left, and less', { timeout: LIMIT_MS }, async (test) => {
    if (!hasOwnDisk) test.skip('no file system can be mounted here: it needs root');
    const ballast = join(estate.dataDir, 'ballast');
    const file = await open(ballast, 'w');
    const piece = Buffer.alloc(1024 * 1024);
    while (freeShare(estate.dataDir) > 0.15) await file.write(piece);
    await file.close();
    await fires('DiskFilling');
    await truncate(ballast, 0);
    await until(async () => expect(await firing()).not.toContain('DiskFilling'));
  });

  it('ShippingLag, WorkerLag and WorkerDown: the database is down', { timeout: LIMIT_MS }, async () => {
    await database.down();
    await fires('ShippingLag', 'WorkerLag', 'WorkerDown');
  });

  it('RecordsMissing and Fenced: what was damaged in the journal had not been shipped, and is repaired', {
    timeout: LIMIT_MS,
  }, async () => {
    await endTraffic();
    const marker = 'LOST-BEFORE-IT-WAS-SHIPPED';
    await sendAll(estate.line('silent'), 1, marker);
    await sendAll(estate.line('silent'), 3);
    await estate.end('SIGTERM');
    await damage(join(estate.dataDir, 'journal'), marker);
    // A repair writes a second journal beside the damaged one.
    if (hasOwnDisk) growSmallDisk(estate.dataDir);
    const main = resolve(import.meta.dirname, '../gateway/main.ts');
    execFileSync(process.execPath, [main, 'repair', '--data-dir', estate.dataDir, '--yes'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await database.up();
    await estate.start();
    await fires('RecordsMissing', 'Fenced calm');
  });

  it('GatewayDown: the process is killed', { timeout: LIMIT_MS }, async () => {
    await estate.end('SIGKILL');
    await fires('GatewayDown');
  });

  it('have all been seen, each at its own connection, and none at the one with ordinary traffic', async () => {
    const rules = printedAlerts(1).groups.flatMap((group) => group.rules.map(({ alert }) => alert));
    const seen = new Set([...fired].map((name) => name.split(' ')[0]));
    const unseen = rules.filter((rule) => !seen.has(rule));
    expect(unseen.filter((rule) => hasOwnDisk || !['DiskFilling', 'ShadowGap'].includes(rule))).toEqual([]);
    // A repair that loses records fences every connection of its gateway.
    expect([...fired].filter((name) => name.endsWith(' calm'))).toEqual(['Fenced calm']);
  });
});

function named({ alert, connection }: Firing): string {
  return connection === null ? alert : `${alert} ${connection}`;
}

async function certificate(folder: string, lastsMs: number): Promise<void> {
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    notAfterDate: new Date(Date.now() + lastsMs),
  });
  await writeFile(join(folder, 'feed.crt'), pair.cert);
  await writeFile(join(folder, 'feed.key'), pair.private);
}

/** A message every 100 ms, each answered, until the returned function is called. */
async function ordinaryTraffic(line: Line): Promise<() => Promise<void>> {
  const source = await line.source();
  const stopped = new AbortController();
  const going = (async () => {
    for (let index = 0; !stopped.signal.aborted; index++) {
      await source.exchange(order(`C${index}`));
      await sleep(100);
    }
  })();
  return () => {
    stopped.abort();
    return going;
  };
}

async function sendAll(line: Line, count: number, more = ''): Promise<void> {
  const source = await line.source();
  for (let index = 0; index < count; index++) await source.exchange(order(`S${Math.random()}`, more));
  source.socket.end();
}

/** A week ago, from an hour before this time of day until an hour after it. */
function lastWeek(instance: string, connection: string, counter: 'received' | 'outputs'): string {
  const weekAgoMs = Date.now() - 7 * DAY_MS;
  const labels = { connection, counter, instance, job: 'gateway' };
  return history(labels, { fromMs: weekAgoMs - 3_600_000, toMs: weekAgoMs + 3_600_000, perMinute: 5 });
}

function freeShare(folder: string): number {
  const [, line = ''] = execFileSync('df', ['--output=avail,size', '-B1', folder], { encoding: 'utf8' }).split('\n');
  const [available = 0, size = 1] = line.trim().split(/\s+/).map(Number);
  return available / size;
}

/** One byte of the record that holds `marker` is another. */
async function damage(journal: string, marker: string): Promise<void> {
  for (const name of await readdir(journal)) {
    const path = join(journal, name);
    if (!(await stat(path)).isFile()) continue;
    const at = (await readFile(path)).indexOf(marker);
    if (at < 0) continue;
    const file = await open(path, 'r+');
    await file.write(Buffer.from('#'), 0, 1, at);
    await file.close();
    return;
  }
  throw new Error(`no segment holds ${marker}`);
}
