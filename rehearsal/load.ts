/** The four parties as one: configured, sending, watched, drained and asked for their records. */
import { setTimeout as sleep } from 'node:timers/promises';
import { countConnection, type EndCount, sumCounts } from './count.ts';
import type { Configuration, PartyFault, Reply, Role } from './parties/protocol.ts';
import { PartyProcess } from './party-process.ts';

export type Traffic = {
  readonly accepted: number;
  readonly received: number;
  readonly pending: number;
  readonly fewest: number;
  /** Messages that the faults switched on have struck. */
  readonly struck: number;
};
export type CountedEnds = {
  readonly total: EndCount;
  readonly byConnection: ReadonlyMap<string, EndCount>;
  readonly misanswered: number;
  readonly misanswers: readonly string[];
  readonly deferred: number;
  readonly deferredMissing: number;
};

const POLL_MS = 250;
const SENDERS: readonly Role[] = ['emr', 'lis'];

export class Load {
  readonly #parties: Record<Role, PartyProcess>;
  readonly #dead = new Set<Role>();
  readonly #configurations: Readonly<Record<Role, Configuration>>;

  constructor(configurations: Readonly<Record<Role, Configuration>>) {
    this.#configurations = configurations;
    const party = (role: Role): PartyProcess => new PartyProcess(role);
    this.#parties = { emr: party('emr'), lis: party('lis'), legacy: party('legacy'), new: party('new') };
  }

  /** Everyone listens before anyone sends. Answers with the own messages that were read. */
  async configure(): Promise<Extract<Reply, { type: 'ready' }>['ownMessages']> {
    const ready = await this.#each(async (party) =>
      party.ask({ type: 'configure', configuration: this.#configurations[party.role] }, 'ready'),
    );
    const [first] = ready;
    if (first === undefined) throw new Error('there are parties');
    return first.ownMessages;
  }

  /** The rate is shared out by the number of connections that each end sends for. */
  async start(ratePerSecond: number): Promise<void> {
    const sendsFor = (role: Role): number => {
      const { sources, writers } = this.#configurations[role];
      return sources.reduce((sum, { targets }) => sum + targets.length, writers.length);
    };
    const total = SENDERS.reduce((sum, role) => sum + sendsFor(role), 0);
    for (const role of SENDERS) {
      const share = sendsFor(role) / total;
      if (share > 0) await this.#parties[role].tell({ type: 'start', ratePerSecond: ratePerSecond * share });
    }
  }

  async traffic(): Promise<Traffic> {
    const answered = await this.#each(async (party) => ({
      role: party.role,
      reply: await party.ask({ type: 'progress' }, 'progress'),
    }));
    const sum = (read: (reply: (typeof answered)[number]['reply']) => number): number =>
      answered.reduce((all, { reply }) => all + read(reply), 0);
    const fewest = answered.flatMap(({ role, reply }) => (this.#sends(role) ? [reply.fewestAccepted] : []));
    return {
      accepted: sum((reply) => reply.accepted),
      received: sum((reply) => reply.received),
      pending: sum((reply) => reply.pending),
      fewest: Math.min(...fewest),
      struck: sum((reply) => reply.struck),
    };
  }

  /** Waits until every feed has had `messages` more accepted. False where that takes longer than `withinMs`. */
  async flow(messages: number, withinMs: number, signal: AbortSignal): Promise<boolean> {
    const wanted = (await this.traffic()).fewest + messages;
    const endsAt = performance.now() + withinMs;
    while (performance.now() < endsAt) {
      if ((await this.traffic()).fewest >= wanted) return true;
      await sleep(POLL_MS, undefined, { signal });
    }
    return false;
  }

  async beginWindow(): Promise<void> {
    for (const role of SENDERS) await this.#parties[role].tell({ type: 'begin-window' });
  }

  /** Of each feed the longest wait since `beginWindow`. */
  async endWindow(): Promise<number[]> {
    return [...(await this.endWindowByFeed()).values()];
  }

  async endWindowByFeed(): Promise<ReadonlyMap<string, number>> {
    const windows = await Promise.all(SENDERS.map((role) => this.#parties[role].ask({ type: 'end-window' }, 'window')));
    return new Map(windows.flatMap(({ pauses }) => pauses.map(({ feed, pauseMs }) => [feed, pauseMs] as const)));
  }

  /** What polls for these connections at a platform is started, or is stopped with nothing of it on its way. */
  async poll(role: 'legacy' | 'new', connections: readonly string[], on: boolean): Promise<void> {
    await this.#parties[role].tell({ type: 'poll', connections: [...connections], on });
  }

  async setFault(role: Role, fault: PartyFault, on: boolean): Promise<void> {
    await this.#parties[role].tell({ type: 'fault', fault, on });
  }

  /** Messages that a platform has taken and not passed on yet. */
  async pendingAt(role: Role): Promise<number> {
    return (await this.#parties[role].ask({ type: 'progress' }, 'progress')).pending;
  }

  /** kill -9: what the party had taken and not passed on is gone with it. */
  async kill(role: Role): Promise<void> {
    this.#dead.add(role);
    await this.#parties[role].end('SIGKILL');
  }

  /** A killed party starts again, remembering nothing. */
  async revive(role: Role): Promise<void> {
    this.#parties[role] = new PartyProcess(role);
    await this.#parties[role].ask({ type: 'configure', configuration: this.#configurations[role] }, 'ready');
    this.#dead.delete(role);
  }

  /** Nothing new is sent; ends when what is under way has arrived, or when nothing has moved for `quietMs`. */
  async drain(withinMs: number, quietMs: number, signal: AbortSignal): Promise<void> {
    const drained = Promise.all(SENDERS.map((role) => this.#parties[role].tell({ type: 'drain', withinMs })));
    await Promise.race([drained, rejection(signal)]);
    let before = await this.traffic();
    let movedAt = performance.now();
    while ((before.received < before.accepted || before.pending > 0) && performance.now() - movedAt < quietMs) {
      await sleep(POLL_MS, undefined, { signal });
      const now = await this.traffic();
      if (now.received !== before.received || now.pending !== before.pending) movedAt = performance.now();
      before = now;
    }
  }

  /** Of each message, by the MSH-10 under which its source sent it: whether the destination of this connection has taken it. */
  async haveArrived(
    messages: readonly { readonly connection: string; readonly controlId: string }[],
  ): Promise<readonly boolean[]> {
    const parties = SENDERS.map((role) => this.#parties[role]);
    const known = await Promise.all(
      parties.map((party) => party.ask({ type: 'keys-of', messages: [...messages] }, 'keys')),
    );
    const asked = messages.map(({ connection }, index) => ({
      connection,
      keys: known.flatMap(({ keys }) => keys[index] ?? []),
    }));
    const answers = await Promise.all(
      parties.map((party) => party.ask({ type: 'have-arrived', messages: asked }, 'arrived')),
    );
    return messages.map((_, index) => answers.some(({ arrived }) => arrived[index] === true));
  }

  /** `listed`: connection → MSH-10 of the outputs that the gateway lists as maybe sent. */
  async count(listed: ReadonlyMap<string, ReadonlySet<string>>): Promise<CountedEnds> {
    const reports = await Promise.all(SENDERS.map((role) => this.#parties[role].ask({ type: 'report' }, 'report')));
    const received = new Map(reports.flatMap((report) => Object.entries(report.received)));
    const byConnection = new Map(
      reports.flatMap((report) =>
        Object.entries(report.sent).map(([name, sent]): [string, EndCount] => [
          name,
          named(name, countConnection(sent, received.get(name) ?? [], listed.get(name) ?? new Set())),
        ]),
      ),
    );
    const sum = (read: (report: (typeof reports)[number]) => number): number =>
      reports.reduce((all, report) => all + read(report), 0);
    return {
      total: sumCounts(byConnection.values()),
      byConnection,
      misanswered: sum(({ misanswered }) => misanswered),
      misanswers: reports.flatMap(({ misanswers }) => misanswers),
      deferred: sum(({ deferred }) => deferred),
      deferredMissing: sum(({ deferredMissing }) => deferredMissing),
    };
  }

  async end(): Promise<void> {
    await this.#each((party) => party.end('SIGKILL'));
  }

  #sends(role: Role): boolean {
    const { sources, writers } = this.#configurations[role];
    return sources.length + writers.length > 0;
  }

  /** Those that live. */
  #all(): PartyProcess[] {
    return Object.values(this.#parties).filter(({ role }) => !this.#dead.has(role));
  }

  #each<T>(ask: (party: PartyProcess) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#all().map(ask));
  }
}

function named(connection: string, count: EndCount): EndCount {
  return { ...count, exampleIds: count.exampleIds.map((id) => `${connection}: ${id}`) };
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
