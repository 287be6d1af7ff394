/**
 * The judge at the end of a simulated night, when everything has come to rest: what was accepted was delivered, once and in
 * order, or is on a list; what the gateway reports is what the disk and the parties say.
 */
import type { EpochRecord } from '../../core/admin-api.ts';
import { verifyEpochs } from '../../core/epoch-history.ts';
import type { ConnectionEngine } from '../engine/connection.ts';
import type { ShardEngine } from '../engine/shard.ts';
import type { Destination } from './destination.ts';
import type { Disk } from './disk.ts';
import { EpochsJudgement } from './epochs-judgement.ts';
import type { Violate } from './oracle.ts';
import type { Platform } from './platform.ts';
import type { Source } from './source.ts';
import type { Witness } from './witness.ts';

export type ConnectionParty = { readonly name: string; readonly practice: string; readonly destination: Destination };
export type FeedParty = {
  readonly name: string;
  readonly sources: readonly Source[];
  readonly platforms: readonly Platform[];
  readonly connections: readonly ConnectionParty[];
};

type Known = {
  readonly unsure: ReadonlySet<string>;
  readonly decided: ReadonlySet<string>;
  readonly doubled: ReadonlySet<string>;
  /** The destination has rejected the output of a platform, which was told so and does not send it again. */
  readonly refused: ReadonlySet<string>;
  /** Too many waited for their outputs: it goes out when it comes, whatever has gone out before. */
  readonly givenUp: ReadonlySet<string>;
};

/** Where an output with this role is shown. */
const LIST_OF_ROLE = { deliver: null, capture: null, park: 'parked', suppress: 'suppressed' } as const;

export type Figures = { delivered: number; doubled: number; listed: number };

export class Judgement {
  readonly #engine: ShardEngine;
  readonly #disk: Disk;
  readonly #witness: Witness;
  /** What a destination rejects of the gateway's own deliveries is tried again. */
  readonly #triesAgain: boolean;
  readonly #violate: Violate;

  constructor(engine: ShardEngine, disk: Disk, witness: Witness, triesAgain: boolean, violate: Violate) {
    this.#engine = engine;
    this.#disk = disk;
    this.#witness = witness;
    this.#triesAgain = triesAgain;
    this.#violate = violate;
  }

  feed(feed: FeedParty): Figures {
    for (const source of feed.sources) {
      if (source.isWaiting)
        this.#violate(6, `${source.name}: still waits for an answer after everything has calmed down`);
    }
    for (const { name, backlog } of feed.platforms) {
      if (backlog > 0) this.#violate(4, `${feed.name}: ${name} still holds ${backlog} outputs`);
    }
    this.#positiveOnce(feed);
    const figures = { delivered: 0, doubled: 0, listed: 0 };
    const known = this.#known(feed);
    for (const party of feed.connections) {
      const doubled = this.#connection(feed, party, known);
      figures.delivered += party.destination.received.length;
      figures.doubled += doubled;
    }
    figures.listed = known.unsure.size;
    return figures;
  }

  /** What holds of the disk and the lists of all connections at any time, right after a restart too. */
  disk(): void {
    for (const name of this.#engine.connections.keys()) {
      const epochs: EpochRecord[] = (this.#disk.view.epochs.get(name) ?? []).map(({ record }) => record);
      const fault = verifyEpochs([name], epochs);
      if (fault !== null) this.#violate(14, `${name}: epoch ${fault.epoch} breaks the chain (${fault.fault})`);
    }
    this.#unsureIsListed();
    this.#keptIsListed();
    new EpochsJudgement(this.#disk.view, this.#violate).run();
  }

  /** What was kept for nobody, or is not taken by its destination, is shown; a person is asked where no platform can send it again. */
  #keptIsListed(): void {
    const { view } = this.#disk;
    const listed = new Set<string>();
    const proposed = new Set<number>();
    for (const { meta } of view.all()) {
      if (meta.t === 'list') listed.add(`${meta.list} ${meta.offset}`);
      if (meta.t === 'decision') for (const { offset } of meta.proposals) proposed.add(offset);
    }
    for (const { offset, meta } of view.all()) {
      const list = meta.t === 'output' ? LIST_OF_ROLE[meta.role] : null;
      if (meta.t === 'output' && list !== null && !listed.has(`${list} ${offset}`))
        this.#violate(2, `${meta.msh10}: ${list}, and not on the list`);
      if (meta.t !== 'output-verdict' || meta.verdict !== 'negative') continue;
      const output = view.at(meta.output)?.meta;
      const who = output?.t === 'output' ? output.msh10 : String(meta.output);
      if (!listed.has(`rejected ${meta.output}`))
        this.#violate(2, `${who}: rejected by its destination, and not on the list`);
      if (meta.reowned && this.#triesAgain && output?.t === 'output' && this.#witness.rejectionsOf(output.sha) < 2)
        this.#violate(9, `${who}: rejected once, and not tried again`);
      if (meta.reowned && !proposed.has(meta.output))
        this.#violate(9, `${who}: the destination does not take it from the gateway, and nobody is asked`);
    }
  }

  /** Counters and routes of the engine are what the disk says. Only where nothing is under way. */
  reports(): void {
    for (const [name, connection] of this.#engine.connections) {
      const told = this.#engine.status(name)?.counters;
      const counted = this.#count(connection);
      for (const [counter, value] of Object.entries(counted)) {
        const said = Object.entries(told ?? {}).find(([key]) => key === counter)?.[1];
        if (said !== value) this.#violate(10, `${name}: reports ${counter} ${said}, the journal has ${value}`);
      }
      const last = this.#disk.view.epochs.get(name)?.at(-1)?.record;
      if (last !== undefined && last.epoch !== connection.route.epoch)
        this.#violate(14, `${name}: at epoch ${connection.route.epoch}, the journal says ${last.epoch}`);
    }
  }

  #count({ config }: ConnectionEngine): Record<string, number> {
    const counts = {
      received: 0,
      accepted: 0,
      unanswered: 0,
      outputs: 0,
      delivered: 0,
      destinationRejected: 0,
      captured: 0,
      parked: 0,
      suppressed: 0,
      maybeSent: 0,
      answeredAgain: 0,
    };
    for (const { offset, meta } of this.#disk.view.all()) {
      switch (meta.t) {
        case 'input':
          if (meta.feed !== config.feed) break;
          counts.received++;
          // What a crash left without a verdict was not answered either.
          if (!this.#disk.view.inputVerdicts.has(offset)) counts.unanswered++;
          break;
        case 'input-verdict':
          if (meta.feed !== config.feed) break;
          if (meta.verdict === 'positive') counts.accepted++;
          if (meta.verdict === 'lost') counts.unanswered++;
          break;
        case 'output':
          if (meta.connection !== config.name) break;
          counts.outputs++;
          if (meta.role === 'capture') counts.captured++;
          if (meta.role === 'park') counts.parked++;
          if (meta.role === 'suppress') counts.suppressed++;
          break;
        case 'output-verdict':
          if (meta.connection !== config.name || meta.verdict === 'lost') break;
          if (meta.verdict === 'positive') counts.delivered++;
          else counts.destinationRejected++;
          break;
        case 'list':
          if (meta.connection !== config.name) break;
          if (meta.list === 'maybeSent' || meta.list === 'answeredAgain') counts[meta.list]++;
          break;
        default:
          break;
      }
    }
    return counts;
  }

  /** Rule 2: what was written to a peer and has no durable verdict is listed; what is listed as such has none. */
  #unsureIsListed(): void {
    const listed = new Set<number>();
    for (const { meta } of this.#disk.view.all()) {
      if (meta.t !== 'list' || meta.list !== 'maybeSent' || meta.offset < 0) continue;
      listed.add(meta.offset);
      const record = this.#disk.view.at(meta.offset);
      const isCopy = meta.cause.startsWith('shadow-') || (record?.meta.t === 'input' && record.meta.shadow !== null);
      if (isCopy || record === null) continue;
      const verdicts = [
        ...(this.#disk.view.inputVerdicts.get(meta.offset) ?? []),
        ...(this.#disk.view.outputVerdicts.get(meta.offset) ?? []).filter((verdict) => !verdict.meta.reowned),
      ];
      if (verdicts.some((verdict) => verdict.meta.verdict === 'positive' || verdict.meta.verdict === 'negative'))
        this.#violate(2, `${meta.message.msh10}: listed as maybeSent (${meta.cause}), but it has a verdict`);
    }
    for (const { offset, meta } of this.#disk.view.all()) {
      if (meta.t !== 'input' && (meta.t !== 'output' || meta.role !== 'deliver')) continue;
      const verdicts =
        meta.t === 'input' ? this.#disk.view.inputVerdicts.get(offset) : this.#disk.view.outputVerdicts.get(offset);
      const isUnsure = (verdicts ?? []).every((verdict) => verdict.meta.verdict === 'lost');
      if (isUnsure && !listed.has(offset)) this.#violate(2, `${meta.msh10}: ${meta.t} without a verdict, on no list`);
    }
  }

  /** Rule 6: a message that was meant once is accepted once, however often it was sent; outputs likewise. */
  #positiveOnce(feed: FeedParty): void {
    const { view } = this.#disk;
    const inputs = new Map<string, number>();
    const outputs = new Map<string, number>();
    for (const { meta, payload } of view.all()) {
      if (meta.t === 'input-verdict' && meta.verdict === 'positive') {
        const input = view.at(meta.input)?.meta;
        if (input?.t === 'input') add(inputs, this.#witness.serialBy(input.sha) ?? '');
        if (input?.t === 'input' && payload !== null) this.#ownVerdict(payload, input.sha, input.at, input.primary);
      }
      if (meta.t !== 'output-verdict') continue;
      const output = view.at(meta.output)?.meta;
      if (output?.t !== 'output') continue;
      if (meta.verdict === 'positive') add(outputs, output.sha);
      if (payload !== null) this.#ownVerdict(payload, output.sha, output.at, 'destination');
    }
    for (const source of feed.sources) {
      for (const [serial, meant] of source.meant) {
        const count = inputs.get(serial) ?? 0;
        if (count > meant) this.#violate(6, `${serial}: meant ${meant} times, accepted ${count} times`);
      }
    }
    for (const platform of feed.platforms) {
      for (const [sha, meant] of platform.meant) {
        const count = outputs.get(sha) ?? 0;
        const serial = this.#witness.serialBy(sha);
        if (count > meant)
          this.#violate(6, `${serial}: ${platform.name} meant it ${meant} times, delivered ${count} times`);
      }
    }
  }

  /** Rule 7: an answer on the disk is the peer's to this message, to this writing of it. */
  #ownVerdict(payload: Buffer, sha: string, writtenAtMs: number, by: string): void {
    const made = this.#witness.answerMade(payload);
    const serial = this.#witness.serialBy(sha);
    if (made === null) this.#violate(1, `${serial}: a verdict that nobody gave`);
    else if (made.of !== sha || made.by !== by)
      this.#violate(7, `${serial}: credited with the answer to ${made.serial} of ${made.by}`);
    else if (made.receivedAtMs < writtenAtMs)
      this.#violate(7, `${serial}: credited with the answer to an earlier attempt`);
  }

  #known(feed: FeedParty): Known {
    const unsure = new Set<string>();
    const givenUp = new Set<string>();
    const names = feed.connections.map(({ name }) => name);
    for (const name of names) {
      const lists = this.#engine.connections.get(name)?.lists;
      for (const list of ['maybeSent', 'answeredAgain'] as const)
        for (const { id } of lists?.entries(list) ?? []) unsure.add(this.#witness.serialBy(id.sha256) ?? id.msh10);
      for (const { id, cause } of lists?.entries('uncorrelated') ?? [])
        if (cause === 'output-missing') givenUp.add(this.#witness.serialBy(id.sha256) ?? '');
    }
    const decided = new Set<string>();
    for (const { connection, input, proposals } of this.#engine.decisions.all()) {
      if (!names.includes(connection)) continue;
      for (const id of input === null ? proposals : [input]) decided.add(this.#witness.serialBy(id.sha256) ?? '');
    }
    const doubled = new Set<string>();
    for (const platform of feed.platforms)
      for (const [sha, count] of platform.meant) if (count > 1) doubled.add(this.#witness.serialBy(sha) ?? '');
    for (const source of feed.sources) for (const [serial, count] of source.meant) if (count > 1) doubled.add(serial);
    return { unsure, decided, doubled, givenUp, refused: this.#refused(feed) };
  }

  #refused({ platforms, connections }: FeedParty): ReadonlySet<string> {
    const refused = new Set<string>();
    for (const { meta } of this.#disk.view.all()) {
      if (meta.t !== 'output-verdict' || meta.verdict !== 'negative' || meta.reowned) continue;
      const output = this.#disk.view.at(meta.output)?.meta;
      if (output?.t !== 'output' || !connections.some(({ name }) => name === output.connection)) continue;
      const serial = this.#witness.serialBy(output.sha) ?? '';
      if (platforms.some(({ name, givenUp }) => name === output.platform && givenUp.has(serial))) refused.add(serial);
    }
    return refused;
  }

  #connection(feed: FeedParty, party: ConnectionParty, known: Known): number {
    const { name, destination } = party;
    const times = new Map<string, number>();
    for (const { id } of destination.received) add(times, id);
    for (const source of feed.sources) {
      for (const [id, accepted] of source.accepted) {
        if (source.practiceOf.get(id) !== party.practice) continue;
        const wanted = source.provenTwins.has(id) ? accepted : 1;
        const isKnown = known.decided.has(id) || known.refused.has(id);
        if ((times.get(id) ?? 0) < wanted && !isKnown)
          this.#violate(2, `${id}: accepted ${accepted} times, delivered ${times.get(id) ?? 0} times, on no list`);
      }
    }
    let doubled = 0;
    for (const [id, count] of times) {
      const isOurs = feed.sources.some((source) => source.practiceOf.get(id) === party.practice);
      if (!isOurs) this.#violate(5, `${id}: delivered to ${name}, whose it is not`);
      if (count === 1) continue;
      doubled++;
      if (!known.unsure.has(id) && !known.decided.has(id) && !known.doubled.has(id))
        this.#violate(2, `${id}: delivered ${count} times, on no list`);
    }
    this.#order(party, known);
    const state = this.#engine.status(name)?.state;
    if (state !== undefined && state !== 'steady')
      this.#violate(8, `${name}: still ${state} after everything has calmed down`);
    return doubled;
  }

  /** In the order of each source; where a weight was ever set, in the order of each key. */
  #order({ name, destination }: ConnectionParty, known: Known): void {
    const isWeighted = (this.#disk.view.epochs.get(name) ?? []).some(({ record }) => record.newWeight > 0);
    const seen = new Set<string>();
    const last = new Map<string, string>();
    for (const { id, from, key } of destination.received) {
      const isListed = known.unsure.has(id) || known.decided.has(id) || known.givenUp.has(id);
      const isFree = isListed || known.doubled.has(id);
      if (seen.has(id) || isFree) continue;
      seen.add(id);
      const lane = `${id.slice(0, id.lastIndexOf('-'))} ${isWeighted ? key : ''}`;
      const before = last.get(lane) ?? '';
      if (id < before) this.#violate(2, `${id}: delivered after ${before} (by ${from})`);
      last.set(lane, id);
    }
  }

  /** Rules 2 and 6: who was sent something more often than the journal has records of it is on a list. */
  repeats(feeds: readonly FeedParty[]): void {
    const inputs = new Set<string>();
    const outputs = new Set<string>();
    for (const { lists } of this.#engine.connections.values()) {
      for (const { id } of lists.entries('maybeSent'))
        (this.#witness.isInput(id.sha256) ? inputs : outputs).add(this.#witness.serialBy(id.sha256) ?? '');
    }
    const platforms = new Map<string, Platform>(
      feeds.flatMap((feed) => feed.platforms.map((item) => [`${item.feed}/${item.name}`, item] as const)),
    );
    const copies = this.#copies();
    for (const [key, count] of this.#witness.receipts()) {
      const at = key.lastIndexOf(' ');
      const [who, what] = [key.slice(0, at), key.slice(at + 1)];
      const platform = platforms.get(who);
      if (platform === undefined) this.#repeatedOutput(who, what, count, outputs);
      else {
        const records = copies.get(`${platform.feed}/${platform.name} ${what}`) ?? 0;
        if (count > records && !inputs.has(what))
          this.#violate(2, `${what}: sent ${count} times to ${who}, ${records} records, on no list`);
      }
    }
  }

  #repeatedOutput(who: string, sha: string, count: number, listed: ReadonlySet<string>): void {
    const { view } = this.#disk;
    const records = view.outputs.get(sha) ?? [];
    if (count <= records.length) return;
    const serial = this.#witness.serialBy(sha) ?? '';
    const isReowned = records.some(({ offset }) =>
      (view.outputVerdicts.get(offset) ?? []).some(({ meta }) => meta.reowned),
    );
    const rejections = isReowned && this.#triesAgain ? this.#witness.rejectionsOf(sha) : 0;
    if (!isReowned) this.#violate(6, `${serial}: the gateway sent it again itself (${count} times to ${who})`);
    if (count - rejections > records.length && !listed.has(serial))
      this.#violate(2, `${serial}: sent ${count} times to ${who}, on no list`);
  }

  /** How many records send a message to a platform: `feed/platform message` → records. */
  #copies(): ReadonlyMap<string, number> {
    const copies = new Map<string, number>();
    for (const { meta } of this.#disk.view.all()) {
      if (meta.t !== 'input') continue;
      const serial = this.#witness.serialBy(meta.sha) ?? '';
      for (const platform of new Set([meta.primary, meta.shadow]))
        if (platform !== null) add(copies, `${meta.feed}/${platform} ${serial}`);
    }
    return copies;
  }
}

function add<K>(map: Map<K, number>, key: K): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
