/**
 * After the switch the disk of one gateway takes no byte more, for a while: its journal can make nothing durable. It must
 * admit nothing that it cannot keep, give no positive answer, and go on by itself once there is room again. Done with the
 * process's own limit on file sizes, which fails every write as a full disk does and needs no privilege.
 */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionStatus } from '../../core/admin-api.ts';
import { idsOf, readMaybeSent } from '../maybe-sent.ts';
import { decideOpen } from './decide.ts';
import { type Director, type Fault, total } from './fault.ts';

const SHARD = 0;
/** Longer than the impatient senders wait for an answer: their retries meet it too. */
const LASTS_MS = 7_000;
/** What was written before it began is answered and counted within this. */
const SETTLES_MS = 1_000;

export const diskFull: Fault = {
  at: { after: 'switch' },
  play: async (director) => {
    await director.timed('fault disk-full', () => strike(director));
    return true;
  },
};

/** Null: this machine can play it; else why not. */
export function whyNoDiskCanFill(): string | null {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return '--fault disk-full needs the command prlimit (util-linux, Linux only)';
  }
}

async function strike(director: Director): Promise<void> {
  const { stage, around } = director;
  const own = stage.estate.connections.filter(({ shard }) => shard === SHARD).map(({ name }) => name);
  const pid = stage.gateways.process(SHARD).pid;
  if (pid === null) throw new Error('the gateway does not run');
  await stage.load.beginWindow();
  const before = await director.statuses();
  limitFiles(pid, '0');
  around.progress.line('fault: the disk of a gateway is full');
  try {
    await sleep(SETTLES_MS, undefined, { signal: around.signal });
    const full = await director.statuses();
    await sleep(LASTS_MS, undefined, { signal: around.signal });
    const later = await director.statuses();
    note(director, own, { before, full, later });
  } finally {
    limitFiles(pid, 'unlimited');
  }
  const roomAt = performance.now();
  around.progress.line('fault: there is room again');
  await director.flow('after there was room again');
  director.seen(
    `connections that went on by themselves, ${((performance.now() - roomAt) / 1000).toFixed(1)} s after there was room`,
    own.length,
  );
  const pauses = await stage.load.endWindow();
  director.seen('longest wait of a sender, in ms', Math.round(Math.max(0, ...pauses)));
  await director.caughtUp();
  director.seen('messages that it lists by id as maybe sent', idsOf(await readMaybeSent(stage)).length);
  await decideOpen(director);
}

type Looks = Readonly<Record<'before' | 'full' | 'later', readonly ConnectionStatus[]>>;

function note(director: Director, own: readonly string[], { before, full, later }: Looks): void {
  const sum = (statuses: readonly ConnectionStatus[], isOwn: boolean, counter: 'accepted' | 'refused'): number =>
    total(
      statuses.filter(({ name }) => own.includes(name) === isOwn),
      ({ counters }) => counters[counter],
    );
  const accepted = sum(later, true, 'accepted') - sum(full, true, 'accepted');
  const elsewhere = sum(later, false, 'accepted') - sum(full, false, 'accepted');
  const refused = sum(later, true, 'refused') - sum(before, true, 'refused');
  director.injected(
    `the disk of a gateway took no byte for ${(LASTS_MS + SETTLES_MS) / 1000} s; connections that it carries`,
    own.length,
  );
  director.seen('messages answered positively there meanwhile', accepted);
  director.seen('messages that it refused (AR: try again); the others waited', refused);
  if (accepted > 0) director.wrong(`${accepted} messages were answered positively while nothing could be kept`);
  if (director.stage.gateways.count === 1) return;
  director.seen('messages answered positively by the other gateways meanwhile', elsewhere);
  if (elsewhere === 0) director.wrong('the other gateways stood still with it');
}

function limitFiles(pid: number, limit: '0' | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${limit}:`], { stdio: ['ignore', 'ignore', 'pipe'] });
}
