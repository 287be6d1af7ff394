/**
 * The chaos of the real thing: lines with a sender each, platforms and destinations as processes that can be killed and
 * stopped, and a judge that knows only what the parties at the ends have counted and what the journal says afterwards.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { ListEntry } from '../../core/admin-api.ts';
import type { PartyOptions } from './chaos-party.ts';
import { type Client, type Estate, type Line, order, startEstate, until, verdictOf } from './peers.ts';

const PARTY = resolve(import.meta.dirname, 'chaos-party.ts');
const RECORDS = resolve(import.meta.dirname, '../../gateway/testing/records-main.ts');
export const FORGETFUL_MAIN = resolve(import.meta.dirname, '../../gateway/testing/forgetful-main.ts');

const ROLES = ['legacy', 'new', 'destination'] as const;
export type Role = (typeof ROLES)[number];

/** A seed's own luck (mulberry32), so that a run can be tried again. */
export function luck(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A platform or destination: killed and started again it goes on with what its log says. */
class Party {
  readonly #options: PartyOptions;
  #child: ChildProcess | null = null;

  constructor(options: PartyOptions) {
    this.#options = options;
  }

  async up(): Promise<void> {
    const child = spawn(process.execPath, [PARTY, JSON.stringify(this.#options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    await once(createInterface(child.stdout), 'line');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Ids in the order in which they came, and how many it has passed on. */
  get counted(): { readonly ids: readonly string[]; readonly passedOn: number } {
    const lines = existsSync(this.#options.log) ? readFileSync(this.#options.log, 'latin1').split('\n') : [];
    const ids = lines.filter((line) => line.startsWith('in ')).map((line) => line.split(' ')[1] ?? '');
    return { ids, passedOn: lines.filter((line) => line.startsWith('out ')).length };
  }
}

/** Stop and wait: a message is repeated until it is answered positively. */
class Sender {
  readonly answered: string[] = [];
  readonly #line: Line;
  #isOver = false;
  #running: Promise<void> | null = null;

  constructor(line: Line) {
    this.#line = line;
  }

  start(): void {
    this.#running = this.#drive();
  }

  async finish(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #drive(): Promise<void> {
    let client: Client | null = null;
    while (!this.#isOver) {
      const id = `${this.#line.name}-${String(this.answered.length).padStart(6, '0')}`;
      try {
        client ??= await this.#line.source();
        const isAnswered = verdictOf(await client.exchange(order(id))) === `AA|${id}`;
        if (isAnswered) this.answered.push(id);
        // A moment between messages, without which no platform keeps up with its copies and its outputs on a busy machine.
        await new Promise((done) => setTimeout(done, isAnswered ? 2 : 50));
      } catch {
        client = null;
        await new Promise((done) => setTimeout(done, 5));
      }
    }
    client?.socket.destroy();
  }
}

export type ChaosLine = {
  readonly line: Line;
  readonly sender: Sender;
  readonly parties: Readonly<Record<Role, Party>>;
};

export type Verdicts = {
  readonly messages: number;
  /** Changes of route that were committed. */
  readonly moves: number;
  readonly lost: readonly string[];
  readonly reordered: readonly string[];
  readonly doubled: readonly string[];
  /** Doubled, and on no list. */
  readonly unlisted: readonly string[];
  /** On the list although the journal has its verdict. */
  readonly listedInVain: readonly string[];
  readonly listed: number;
  readonly decisions: number;
};

export class Chaos {
  readonly estate: Estate;
  readonly lines: readonly ChaosLine[];

  private constructor(estate: Estate, lines: readonly ChaosLine[]) {
    this.estate = estate;
    this.lines = lines;
  }

  static async start(
    names: readonly string[],
    program: { readonly main?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<Chaos> {
    const connection = { outputs: 'one', settle: '300ms', capture: { wait: '50ms' }, correlate: ['MSH-10'] };
    const estate = await startEstate(Object.fromEntries(names.map((name) => [name, { connection }])), true);
    const lines: ChaosLine[] = [];
    for (const name of names) {
      const line = estate.line(name);
      for (const peer of line.peers) await peer.down();
      const party = (role: Role): Party =>
        new Party({
          name: role,
          port: line[role].port,
          log: join(estate.folder, `${name}-${role}.log`),
          leg: role === 'destination' ? null : line.legs[role],
        });
      const parties = { legacy: party('legacy'), new: party('new'), destination: party('destination') };
      for (const role of ROLES) await parties[role].up();
      lines.push({ line, parties, sender: new Sender(line) });
    }
    if (program.main !== undefined) estate.main = program.main;
    // A gateway that starts a hundred times need not be compiled a hundred times.
    estate.env = { NODE_COMPILE_CACHE: join(estate.folder, 'compiled'), ...program.env };
    await estate.start();
    for (const { line } of lines) await line.move('parallel');
    for (const { sender } of lines) sender.start();
    return new Chaos(estate, lines);
  }

  get answered(): number {
    return this.lines.reduce((sum, { sender }) => sum + sender.answered.length, 0);
  }

  /** Every line has got so many more messages through. */
  async traffic(messages: number): Promise<void> {
    const wanted = this.lines.map(({ sender }) => sender.answered.length + messages);
    await until(() => {
      for (const [index, { line, sender }] of this.lines.entries())
        if (sender.answered.length < (wanted[index] ?? 0)) throw new Error(`${line.name} stands still`);
    });
  }

  /** Every connection to its other side. A swap that a kill or a deadline stops has never been: what counts is that no message notices. */
  async swap(): Promise<void> {
    await Promise.allSettled(
      this.lines.map(async ({ line }) => {
        const { phase } = await line.status();
        if (phase === 'parallel') await line.move('switched');
        else await line.move('parallel', { reason: 'chaos' });
      }),
    );
  }

  /** The faults are over: everything comes to rest, then it is judged. */
  async judge(): Promise<Verdicts> {
    for (const { sender } of this.lines) await sender.finish();
    for (const { line, parties } of this.lines) {
      await until(async () => {
        for (const role of ['legacy', 'new'] as const) {
          const { ids, passedOn } = parties[role].counted;
          if (ids.length !== passedOn) throw new Error(`${role} of ${line.name} still has ${ids.length - passedOn}`);
        }
        const { state, shadowLag, inFlight } = await line.status();
        if (state !== 'steady' || shadowLag > 0 || inFlight > 0) throw new Error(`${line.name} is ${state}`);
      });
    }
    const lists = new Map<string, readonly ListEntry[]>();
    let moves = 0;
    for (const { line } of this.lines) moves += (await line.status()).epoch - 1;
    for (const { line } of this.lines) lists.set(line.name, await line.list('maybeSent'));
    const { body } = await this.estate.call('GET', 'decisions');
    const decisions = Array.isArray(body.decisions) ? body.decisions.length : 0;
    await this.estate.end('SIGTERM');
    const each = this.lines.map((line) => judgeLine(line, lists.get(line.line.name) ?? []));
    const all = (pick: (one: (typeof each)[number]) => readonly string[]): string[] => each.flatMap(pick);
    return {
      messages: this.answered,
      moves,
      lost: all(({ lost }) => lost),
      reordered: all(({ reordered }) => reordered),
      doubled: all(({ doubled }) => doubled),
      unlisted: all(({ unlisted }) => unlisted),
      listedInVain: await this.#listedInVain(),
      listed: [...lists.values()].reduce((sum, list) => sum + list.length, 0),
      decisions,
    };
  }

  async close(): Promise<void> {
    for (const { sender } of this.lines) void sender.finish();
    for (const { parties } of this.lines) for (const role of ROLES) await parties[role].kill();
    await this.estate.close();
  }

  /** Rule 2: what is listed was written to a peer without a durable verdict, says the journal. */
  async #listedInVain(): Promise<string[]> {
    const verdicts = new Map<number, string>();
    const inputs = new Map<number, boolean>();
    const listed: { readonly offset: number; readonly id: string; readonly cause: string }[] = [];
    const records = await recordsOf(this.estate.dataDir);
    // What stood before is shipped and gone: what kind of message was listed there cannot be told any more.
    const first = records[0]?.offset ?? 0;
    for (const { offset, meta } of records) {
      if (meta.t === 'input') inputs.set(offset, meta.shadow !== null);
      if (meta.t === 'input-verdict') verdicts.set(Number(meta.input), String(meta.verdict));
      if (meta.t === 'output-verdict') verdicts.set(Number(meta.output), String(meta.verdict));
      if (meta.t === 'list' && meta.list === 'maybeSent')
        listed.push({ offset: Number(meta.offset), id: JSON.stringify(meta.message), cause: String(meta.cause) });
    }
    return listed
      .filter(({ offset, cause }) => {
        // A copy's own end is a record of its own; and `before-crash` has no record: that is what it says.
        const isCopy = cause.startsWith('shadow-') || inputs.get(offset) === true;
        return offset >= first && !isCopy && ['positive', 'negative'].includes(verdicts.get(offset) ?? '');
      })
      .map(({ id, cause }) => `${id} ${cause}`);
  }
}

type Judged = Pick<Verdicts, 'lost' | 'reordered' | 'doubled' | 'unlisted'>;

function judgeLine({ sender, parties }: ChaosLine, list: readonly ListEntry[]): Judged {
  const { ids } = parties.destination.counted;
  const there = new Set(ids);
  const listed = new Set(list.map(({ id }) => id.msh10));
  const firsts = [...there];
  const doubled = [...new Set(ROLES.flatMap((role) => doublesIn(parties[role].counted.ids)))];
  return {
    lost: sender.answered.filter((id) => !there.has(id)),
    reordered: firsts.filter((id, index) => index > 0 && id < (firsts[index - 1] ?? '')),
    doubled,
    unlisted: doubled.filter((id) => !listed.has(id)),
  };
}

function doublesIn(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return ids.filter((id) => seen.size === seen.add(id).size);
}

type RecordLine = { readonly offset: number; readonly meta: Readonly<Record<string, unknown>> };

async function recordsOf(dataDir: string): Promise<RecordLine[]> {
  const child = spawn(process.execPath, [RECORDS, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const records: RecordLine[] = [];
  for await (const line of createInterface(child.stdout)) records.push(JSON.parse(line));
  const [code] = await ended;
  if (code !== 0) throw new Error(`the journal in ${dataDir} could not be read`);
  return records;
}
