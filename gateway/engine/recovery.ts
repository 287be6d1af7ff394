/**
 * Rebuilds the engine's state from the journal: routes, retry memory, obligations, shadow backlog, lists, decisions and
 * operations. Nothing is sent while it reads. What a crash left open is then said: a message without a durable verdict
 * may have been taken by its peer, and nobody knows (rule 2).
 */
import type { EpochRecord } from '../../core/admin-api.ts';
import { linkEpoch } from '../../core/epoch-history.ts';
import { Newest } from '../../core/newest.ts';
import {
  candidateOf,
  controlOf,
  FIRST_ROUTE,
  otherPlatform,
  type Phase,
  PLATFORMS,
  type Platform,
  primaryOf,
} from '../../core/platform.ts';
import { readAnswer } from './answers.ts';
import type { RefusedMovesState } from './authority.ts';
import { copiesGone, isOwed } from './backlog.ts';
import { type ConnectionEngine, type ConnectionState, ORDER_WAIT } from './connection.ts';
import { correlationKeyOf } from './correlation.ts';
import type { CorrespondenceState } from './correspondence.ts';
import { DESTINATION_REJECTED, inputOf, SHADOW_GAP } from './deciding.ts';
import type { AdmittedInput, FeedEngine } from './feed.ts';
import type { Intake } from './intake.ts';
import { legKey } from './leg-port.ts';
import type { Decision } from './lists.ts';
import { loadMoved, type MovedState } from './moving.ts';
import { type MayGo, neededBy } from './needed.ts';
import type { OperationsState } from './operations.ts';
import type { RejectedOutput } from './output-flow.ts';
import type {
  InputRecord,
  InputVerdictRecord,
  JournalMeta,
  MessageFacts,
  MovedInRecord,
  MovedOutRecord,
  OperationRecord,
  OutputRecord,
  OutputVerdictRecord,
  RouteEpochRecord,
  ShadowGapRecord,
  ShadowRecord,
} from './records.ts';
import { deliverCaptures, doubtsOf, takeOver } from './reown.ts';
import { RetryDigest } from './retry-digest.ts';
import type { RetryMemoryState } from './retry-memory.ts';
import type { SequenceState } from './sequence.ts';
import type { SavedShadow } from './shadow.ts';
import type { ShardEngine } from './shard.ts';

/** Where an output is listed that is kept for nobody. */
const KEPT_LIST = { deliver: null, capture: null, park: 'parked', suppress: 'suppressed' } as const;

/** How many moves of feeds to this shard are told from new ones. */
const MOVES_LIMIT = 10_000;

type OpenInput = { readonly input: AdmittedInput; readonly sender: string };
type OpenOutput = {
  readonly connection: ConnectionEngine;
  readonly record: OutputRecord;
  readonly facts: MessageFacts;
  readonly intake: Intake | null;
};

/** Everything that recovery builds from records, as plain data. */
export type EngineState = {
  readonly nowMs: number;
  readonly connections: Readonly<Record<string, ConnectionState>>;
  readonly feeds: Readonly<
    Record<
      string,
      {
        readonly memory: RetryMemoryState;
        readonly shadows: Readonly<Record<Platform, readonly SavedShadow[]>>;
        readonly correspondence: Readonly<Record<Platform, CorrespondenceState>>;
        /** Absent in a checkpoint from before they were watched. */
        readonly sequence?: SequenceState;
      }
    >
  >;
  readonly legPorts: Readonly<Record<string, RetryMemoryState>>;
  readonly decisions: readonly Decision[];
  readonly operations: OperationsState;
  /** Absent in a checkpoint from before there were approvals. */
  readonly refusedMoves?: RefusedMovesState;
  readonly inputs: readonly { readonly input: AdmittedInput & { readonly payload: null }; readonly sender: string }[];
  readonly outputs: readonly { readonly offset: number; readonly record: OutputRecord }[];
  readonly resolved: readonly { readonly offset: number; readonly decision: string }[];
  /** Absent in a checkpoint from before a person was asked about them. */
  readonly rejected?: readonly Rejected[];
  readonly strangers: readonly Stranger[];
  /** Absent in a checkpoint from before there were fences. */
  readonly fenced?: readonly string[];
  /** Absent in a checkpoint from before feeds could be moved. */
  readonly moves?: MovesState;
};

/** Feeds that went to another shard or came from one. */
export type MovesState = {
  readonly away: readonly (readonly [connection: string, gone: Gone])[];
  readonly came: readonly string[];
  readonly unwritten: readonly EpochRecord[];
};

/** Where a connection is since, and with which epoch it went. */
export type Gone = Pick<MovedOutRecord, 'move' | 'to' | 'sha256' | 'feeds' | 'at'> & { readonly epoch: number };

type Rejected = { readonly connection: string; readonly output: RejectedOutput };

export type Stranger = { readonly name: string; phase: Phase; wasUsed: boolean };

export class Recovery {
  readonly #engine: ShardEngine;
  readonly #inputs = new Map<number, OpenInput>();
  readonly #outputs = new Map<number, OpenOutput>();
  /** Captures that a person decided to deliver and whose verdict is not in the journal. */
  readonly #resolved = new Map<number, Decision>();
  /** What a destination did not take from the gateway, by output, until the decision about it. */
  readonly #rejected = new Map<number, Rejected>();

  /** Connections of the journal that the inventory no longer has, with what the journal last said of them. */
  readonly #strangers = new Map<string, Stranger>();
  readonly #renamed = new Map<string, string>();
  /** Fenced, and not served since. */
  readonly #restored = new Set<string>();
  readonly #away = new Map<string, Gone>();
  /** Moves that have come to this shard. */
  readonly #came = new Newest<string, true>(MOVES_LIMIT);
  /** By connection: the epoch that it came with, and that is not in this journal yet. */
  readonly #unwritten = new Map<string, EpochRecord>();

  constructor(engine: ShardEngine) {
    this.#engine = engine;
    engine.runtime.isReplaying = true;
    for (const { config } of engine.connections.values()) {
      for (const former of config.previousNames) this.#renamed.set(former, config.name);
    }
  }

  /** The state after every record so far, as a checkpoint keeps it. Before `finish` only. */
  dump(): EngineState {
    const engine = this.#engine;
    const named = <T, S>(items: ReadonlyMap<string | number, T>, save: (item: T) => S): Record<string, S> =>
      Object.fromEntries([...items].map(([name, item]) => [String(name), save(item)]));
    return {
      nowMs: engine.runtime.now,
      connections: named(engine.connections, (connection) => connection.dump()),
      feeds: named(engine.feeds, (feed) => ({
        memory: feed.intake.memory.dump(),
        shadows: { legacy: feed.shadows.legacy.dump(), new: feed.shadows.new.dump() },
        correspondence: { legacy: feed.correspondence.legacy.dump(), new: feed.correspondence.new.dump() },
        sequence: feed.sequence.dump(),
      })),
      legPorts: named(engine.legPorts, ({ intake }) => intake.memory.dump()),
      decisions: engine.decisions.dump(),
      operations: engine.operations.dump(),
      refusedMoves: engine.refusedMoves.dump(),
      inputs: [...this.#inputs.values()].map(({ input, sender }) => ({ input: { ...input, payload: null }, sender })),
      outputs: [...this.#outputs].map(([offset, { record }]) => ({ offset, record })),
      resolved: [...this.#resolved].map(([offset, { id }]) => ({ offset, decision: id })),
      rejected: [...this.#rejected.values()],
      strangers: [...this.#strangers.values()],
      fenced: [...engine.connections.values()].flatMap(({ fence, config }) =>
        fence?.kind === 'restored' ? [config.name] : [],
      ),
      moves: {
        away: [...this.#away],
        came: [...this.#came].map(([move]) => move),
        unwritten: [...this.#unwritten.values()],
      },
    };
  }

  /** The oldest record that may still be asked for; null: none. What is owed, captured for it or parked is never purged. */
  get neededFrom(): number | null {
    return this.#neededFrom(() => false);
  }

  /** The same, were all copies given up that nobody is owed. */
  get neededBesidesBacklog(): number | null {
    return this.#neededFrom(({ config }, platform) => !isOwed(this.#engine.connectionsOf(config.name), platform));
  }

  #neededFrom(mayGo: MayGo): number | null {
    const rejected = [...this.#rejected.values()].flatMap(({ output }) => [output.offset, output.input]);
    const open = [...this.#inputs.keys(), ...this.#outputs.keys(), ...this.#resolved.keys()];
    return neededBy(this.#engine, mayGo, [...open, ...rejected]);
  }

  /** Begins from a checkpoint; the records that follow it are applied as always. What the inventory lost is a stranger. */
  load(state: EngineState): void {
    const engine = this.#engine;
    engine.runtime.now = state.nowMs;
    for (const stranger of state.strangers) this.#strangers.set(stranger.name, { ...stranger });
    for (const [name, saved] of Object.entries(state.connections)) {
      const connection = this.#connection(name);
      if (connection === undefined) {
        this.#strangers.set(name, { name, phase: saved.route.phase, wasUsed: saved.counters.received > 0 });
      } else {
        connection.load(saved);
        if (saved.epochs.length > 0) connection.fence = null;
      }
    }
    for (const [name, saved] of Object.entries(state.feeds)) {
      const feed = this.#feed(name);
      if (feed !== undefined) loadFeed(feed, saved);
    }
    for (const [port, saved] of Object.entries(state.legPorts)) {
      engine.legPorts.get(port)?.intake.memory.load(saved);
    }
    engine.decisions.load(state.decisions.map((one) => ({ ...one, connection: this.#nameOf(one.connection) })));
    engine.operations.load(state.operations.map((one) => ({ ...one, connection: this.#nameOf(one.connection) })));
    if (state.refusedMoves !== undefined) engine.refusedMoves.load(state.refusedMoves);
    for (const name of state.fenced ?? []) {
      const connection = this.#connection(name);
      if (connection !== undefined) connection.fence = { kind: 'restored' };
    }
    for (const [name, gone] of state.moves?.away ?? []) this.#goes(name, gone);
    for (const move of state.moves?.came ?? []) this.#came.set(move, true);
    for (const record of state.moves?.unwritten ?? []) this.#unwritten.set(record.connection, record);
    for (const { input, sender } of state.inputs) {
      const feed = this.#feed(input.feed);
      const name = feed?.config.name ?? input.feed;
      this.#inputs.set(input.offset, { input: { ...input, feed: name }, sender: senderAt(name, sender) });
    }
    for (const { offset, record } of state.outputs) this.#loadOutput(offset, record);
    for (const { offset, decision } of state.resolved) {
      const known = engine.decisions.get(decision);
      if (known !== null) this.#resolved.set(offset, known);
    }
    for (const item of state.rejected ?? [])
      this.#rejected.set(item.output.offset, { ...item, connection: this.#nameOf(item.connection) });
  }

  #loadOutput(offset: number, record: OutputRecord): void {
    const connection = this.#connection(record.connection);
    if (connection === undefined) return;
    const intake = this.#engine.legPorts.get(legKey(connection.config.legs[record.platform]))?.intake ?? null;
    this.#outputs.set(offset, { connection, record, facts: { msh10: record.msh10, sha: record.sha }, intake });
  }

  /** What may not vanish from the inventory: it is in the path, and its traffic would stop. */
  get strangers(): readonly Stranger[] {
    return [...this.#strangers.values()].filter(
      ({ name, phase, wasUsed }) => phase !== 'decommissioned' && wasUsed && !this.#away.has(name),
    );
  }

  /** Where a connection went that this shard has served; null: nowhere, as far as this journal knows. */
  goneOf(connection: string): Gone | null {
    return this.#away.get(connection) ?? null;
  }

  hasCome(move: string): boolean {
    return this.#came.has(move);
  }

  /** What of a feed has no end in the journal: its messages, outputs, and captures that a person has sent on. */
  openOf(feed: string): { readonly inputs: number; readonly outputs: number; readonly resolved: number } {
    const names = new Set(this.#connectionsOf(feed).map(({ config }) => config.name));
    const inputs = [...this.#inputs.values()].filter(({ input }) => input.feed === feed).length;
    const outputs = [...this.#outputs.values()].filter(({ connection }) => names.has(connection.config.name)).length;
    const resolved = [...this.#resolved.values()].filter(({ connection }) => names.has(connection)).length;
    return { inputs, outputs, resolved };
  }

  #goes(name: string, gone: Gone): void {
    this.#away.set(name, gone);
    const connection = this.#connection(name);
    if (connection !== undefined) connection.fence = { kind: 'moved', to: gone.to };
  }

  #movedOut({ connections, move, to, sha256, feeds, at }: MovedOutRecord): void {
    for (const { name, epoch } of connections) this.#goes(name, { move, to, sha256, feeds, at, epoch });
  }

  #movedIn({ move, epochs }: MovedInRecord, payload: Buffer | null): void {
    if (payload === null) throw new Error('a feed that has come has its state with it');
    const state: MovedState = JSON.parse(payload.toString('utf8'));
    this.#came.set(move, true);
    for (const record of epochs) {
      const name = record.connection;
      const saved = state.connections[name];
      this.#away.delete(name);
      this.#unwritten.set(name, record);
      const connection = this.#connection(name);
      if (connection === undefined || saved === undefined) {
        this.#strangers.set(name, { name, phase: record.phase, wasUsed: true });
        continue;
      }
      connection.load(saved);
      connection.epochs.push(record);
      connection.route = { phase: record.phase, newWeight: record.newWeight, epoch: record.epoch };
      connection.fence = null;
    }
    loadMoved(this.#engine, state);
  }

  apply(offset: number, meta: JournalMeta, payload: Buffer | null): void {
    this.#engine.runtime.now = 'at' in meta ? meta.at : this.#engine.runtime.now;
    switch (meta.t) {
      case 'input':
        this.#input(offset, meta, payload);
        return;
      case 'input-verdict':
        this.#inputVerdict(meta, payload);
        return;
      case 'shadow':
        this.#shadow(meta);
        return;
      case 'shadow-gap':
        this.#shadowGap(meta);
        return;
      case 'output':
        this.#output(offset, meta, payload);
        return;
      case 'output-verdict':
        this.#outputVerdict(meta, payload);
        return;
      case 'capture-answer':
        this.#captureAnswer(meta.output, payload);
        return;
      case 'epoch':
        this.#epoch(offset, meta);
        return;
      case 'operation':
        this.#operation(meta);
        return;
      case 'list':
        this.#connection(meta.connection)?.recoverListed(meta);
        return;
      case 'decision': {
        this.#engine.decisions.open({ ...meta, connection: this.#nameOf(meta.connection) });
        if (meta.cause === DESTINATION_REJECTED)
          for (const { offset: proposal } of meta.proposals) this.#rejected.delete(proposal);
        const connection = this.#connection(meta.connection);
        const obligation = meta.input === null ? null : connection?.obligations.get(meta.input);
        if (obligation) connection?.obligations.close(obligation, meta.cause === ORDER_WAIT);
        return;
      }
      case 'resolution': {
        this.#engine.decisions.resolve(meta);
        const decision = this.#engine.decisions.get(meta.id);
        const gapped = decision?.cause === SHADOW_GAP ? this.#connection(decision.connection) : undefined;
        if (gapped !== undefined) gapped.gap = null;
        if (decision !== null && meta.action === 'deliver') {
          for (const proposal of decision.proposalOffsets) this.#resolved.set(proposal, decision);
          if (decision.inputOffset !== null)
            this.#connection(decision.connection)?.obligations.decided(decision.inputOffset);
        }
        return;
      }
      case 'start':
        this.#closeOpen();
        this.#restored.clear();
        return;
      case 'fence':
        for (const name of meta.connections) {
          const connection = this.#connection(name);
          if (connection !== undefined && connection.fence === null) connection.fence = { kind: 'restored' };
          this.#restored.add(connection?.config.name ?? name);
        }
        return;
      case 'unfence': {
        const connection = this.#connection(meta.connection);
        if (connection?.fence?.kind === 'restored') connection.fence = null;
        return;
      }
      case 'stopped':
        this.#connection(meta.connection)?.platformOrigin?.attested(meta.attestation);
        return;
      case 'lost':
        return;
      case 'moved-out':
        this.#movedOut(meta);
        return;
      case 'moved-in':
        this.#movedIn(meta, payload);
        return;
      case 'move-refused':
        this.#engine.refusedMoves.add(meta);
        return;
      case 'approval':
      case 'refusal':
        return;
    }
  }

  /**
   * All records are read: says what is unknown, goes on with what is owed. `clean`: the last run ended as it should;
   * `firstOffset`: of the journal, what is older is gone.
   */
  finish(nowMs: number, clean: boolean, version: string, firstOffset = 0): void {
    const { runtime } = this.#engine;
    runtime.now = nowMs;
    runtime.isReplaying = false;
    runtime.append({ t: 'start', version, clean, at: nowMs }, null, 'written');
    for (const connection of this.#engine.connections.values()) {
      if (connection.epochs.length === 0 && connection.fence?.kind !== 'awaited') this.#bear(connection, nowMs);
    }
    for (const record of this.#unwritten.values()) {
      runtime.append({ t: 'epoch', record, reowns: false, atOffset: false, at: nowMs }, null, 'durable');
    }
    for (const feed of this.#engine.feeds.values()) {
      feed.setPrimary(primaryOf(this.#engine.connectionsOf(feed.config.name).map(({ route }) => route)));
    }
    for (const { input } of this.#inputs.values()) {
      this.#connectionsOf(input.feed)[0]?.listed('maybeSent', input.facts, input.offset, 'crash');
    }
    for (const [offset, { connection, record, facts }] of this.#outputs) {
      listKept(connection, record, facts, offset);
      if (record.role === 'deliver') connection.listed('maybeSent', facts, offset, 'crash');
    }
    this.#closeOpen();
    for (const connection of this.#engine.connections.values()) {
      if (!clean || this.#restored.has(connection.config.name)) listTakenOver(connection);
    }
    for (const [offset, decision] of this.#resolved) {
      if (!clean || this.#restored.has(decision.connection)) this.#listResolved(decision, offset);
    }
    for (const feed of this.#engine.feeds.values()) {
      const connections = this.#engine.connectionsOf(feed.config.name);
      // After a restore any copy may have been taken already, not only the first.
      if (connections.some(({ config }) => this.#restored.has(config.name)))
        for (const platform of PLATFORMS) feed.shadows[platform].listAll('restored');
      else if (!clean) feed.listInterruptedShadows('crash');
    }
    this.#engine.backlog.recover(firstOffset);
    for (const { platformOrigin } of this.#engine.connections.values()) platformOrigin?.listens(nowMs);
    for (const feed of this.#engine.feeds.values()) this.#engine.whenServing(feed.config.name, () => this.#goOn(feed));
  }

  /** What a person has had delivered is sent again as well. */
  #listResolved(decision: Decision, offset: number): void {
    const proposal = decision.proposals[decision.proposalOffsets.indexOf(offset)];
    if (proposal === undefined) return;
    const facts = { msh10: proposal.msh10, sha: proposal.sha256 };
    this.#connection(decision.connection)?.listed('maybeSent', facts, offset, 'crash');
  }

  /** What is owed goes out, what is in doubt is asked, and the feed takes messages. */
  #goOn(feed: FeedEngine): void {
    const connections = this.#engine.connectionsOf(feed.config.name);
    for (const connection of connections) {
      for (const platform of PLATFORMS) deliverCaptures(connection, platform);
      for (const { cause, input } of doubtsOf(connection)) this.#engine.deciding.open(connection, cause, input);
    }
    for (const [offset, decision] of this.#resolved) {
      if (connections.some(({ config }) => config.name === decision.connection))
        this.#engine.deciding.redeliver(decision, offset);
    }
    for (const { connection: name, output } of this.#rejected.values()) {
      const connection = connections.find(({ config }) => config.name === name);
      if (connection !== undefined) this.#engine.deciding.openRejected(connection, output);
    }
    for (const connection of connections) {
      this.#engine.deciding.askOfGap(connection);
      connection.changeOver.resume();
      connection.doubts.watch();
    }
    feed.advance();
  }

  #connection(name: string): ConnectionEngine | undefined {
    return this.#engine.connections.get(this.#nameOf(name));
  }

  /** What the inventory calls it now. */
  #nameOf(connection: string): string {
    return this.#renamed.get(connection) ?? connection;
  }

  #feed(name: string): FeedEngine | undefined {
    return this.#engine.feeds.get(this.#feedName(name));
  }

  /** A feed of its own bears the connection's name and is renamed with it. */
  #feedName(name: string): string {
    return this.#engine.feeds.has(name) ? name : (this.#renamed.get(name) ?? name);
  }

  #connectionsOf(feed: string): readonly ConnectionEngine[] {
    return this.#engine.connectionsOf(this.#feedName(feed));
  }

  #stranger(name: string): Stranger {
    const known = this.#strangers.get(name) ?? { name, phase: 'legacy', wasUsed: false };
    this.#strangers.set(name, known);
    return known;
  }

  #input(offset: number, meta: InputRecord, payload: Buffer | null): void {
    const feed = this.#feed(meta.feed);
    if (feed === undefined || payload === null) {
      this.#stranger(meta.feed).wasUsed = true;
      return;
    }
    const facts = { msh10: meta.msh10, sha: meta.sha };
    const { primary, shadow } = meta;
    const sender = senderAt(feed.config.name, meta.sender);
    const input: AdmittedInput = {
      feed: feed.config.name,
      offset,
      first: meta.attemptOf ?? offset,
      facts,
      payload,
      primary,
      shadow,
    };
    const skips = meta.attemptOf === null && feed.sequence.missingBefore(sender, payload) > 0;
    for (const connection of this.#connectionsOf(meta.feed)) {
      connection.changeOver.look();
      connection.inputAdmitted(input);
      connection.counters.received++;
      if (skips) connection.counters.sequenceGaps++;
    }
    const { first } = input;
    const kept: AdmittedInput = { feed: feed.config.name, offset, first, facts, payload: null, primary, shadow };
    this.#inputs.set(offset, { input: kept, sender });
    feed.intake.memory.remember(sender, {
      msh10: meta.msh10,
      digest: RetryDigest.of(payload, feed.config.retry.ignore),
      firstAttempt: input.first,
      context: null,
      isKept: false,
      outcome: { kind: 'unknown' },
    });
  }

  #inputVerdict(meta: InputVerdictRecord, payload: Buffer | null): void {
    const open = this.#inputs.get(meta.input);
    const feed = this.#feed(meta.feed);
    if (open === undefined || feed === undefined) return;
    this.#inputs.delete(meta.input);
    const { input, sender } = open;
    const { verdict } = meta;
    for (const connection of this.#connectionsOf(meta.feed)) {
      connection.inputAnswered(
        input,
        input.primary,
        verdict === 'other' && payload === null ? 'negative' : verdict,
        true,
      );
      if (verdict === 'positive') connection.counters.accepted++;
      else if (verdict === 'lost') connection.counters.unanswered++;
      else connection.counters.rejected++;
    }
    if (verdict === 'positive' && input.shadow !== null) feed.shadows[input.shadow].requeue(input);
    if (verdict === 'positive' && payload !== null && readAnswer(payload)?.isCommit === true)
      feed.correspondence[input.primary].remember(input.facts.msh10, { sender, socket: null, isCommitted: true });
    remember(feed.intake, sender, input.first, verdict, payload, meta.at);
  }

  #shadow(meta: ShadowRecord): void {
    const input = this.#feed(meta.feed)?.shadows[meta.platform].unqueue(meta.input) ?? null;
    if (input === null || meta.verdict === 'dropped') return;
    for (const connection of this.#connectionsOf(meta.feed)) {
      connection.inputAnswered(input, meta.platform, meta.verdict, false);
      if (meta.verdict === 'positive') connection.counters.shadowed++;
      else connection.counters.shadowRejected++;
    }
  }

  #shadowGap(meta: ShadowGapRecord): void {
    const inputs = this.#feed(meta.feed)?.shadows[meta.platform].giveUp(meta.to + 1) ?? [];
    copiesGone(this.#connectionsOf(meta.feed), inputs, meta);
  }

  #output(offset: number, record: OutputRecord, payload: Buffer | null): void {
    const connection = this.#connection(record.connection);
    if (connection === undefined || payload === null) return;
    const { obligations, counters, config } = connection;
    const facts = { msh10: record.msh10, sha: record.sha };
    const leg = config.legs[record.platform];
    const intake = this.#engine.legPorts.get(legKey(leg))?.intake ?? null;
    counters.outputs++;
    connection.platformOrigin?.heard(record.platform, record.at);
    this.#outputs.set(offset, { connection, record, facts, intake });
    intake?.memory.remember(record.sender, {
      msh10: record.msh10,
      digest: RetryDigest.of(payload, leg.retry.ignore),
      firstAttempt: record.attemptOf ?? offset,
      context: record.input,
      isKept: record.role === 'capture' || record.role === 'suppress',
      outcome: { kind: 'unknown' },
    });
    const obligation = record.input === null ? null : obligations.get(record.input);
    // What a forced rollback trusts when it is replayed must be what it trusted when it was made.
    const key = correlationKeyOf(payload, facts, config.correlate);
    if (obligation !== null && key !== null && key === obligation.key) obligations.proveKey(record.platform);
    if (record.attemptOf === null) connection.correlation.output(record.platform, obligations.foundBy(obligation, key));
    const first = record.attemptOf ?? offset;
    const rejected = connection.rejectedBefore(obligation, record.platform, key);
    if (record.role === 'suppress' && rejected !== null && !obligations.isTakenOver(first))
      this.#reject(connection, { offset, facts, ...rejected });
    if (obligation !== null) connection.arrived(obligation, record.platform, { offset, first, facts, payload });
    else if (record.role !== 'deliver' && !obligations.isTakenOver(first)) {
      const closed = obligations.unacceptedInput(record.platform, key);
      if (closed !== null) {
        const share = connection.ownership.shareOf(payload);
        obligations.keepLate(closed, record.platform, { offset, first, facts }, share, record.at);
      }
    }
    const isKept = record.role === 'capture' || record.role === 'park';
    if (isKept && record.attemptOf !== null && obligations.takeRejected(record.attemptOf))
      this.#reject(connection, { offset, facts, input: record.input, inputFacts: obligation?.facts ?? null });
    if (record.role === 'park') counters.parked++;
    if (record.role === 'suppress') counters.suppressed++;
    if (record.role === 'capture') counters.captured++;
    if (obligation !== null && record.role !== 'deliver') obligations.captured(obligation, record.platform);
  }

  #outputVerdict(meta: OutputVerdictRecord, payload: Buffer | null): void {
    if (meta.reowned) {
      this.#reownedVerdict(meta, payload);
      return;
    }
    const open = this.#outputs.get(meta.output);
    if (open === undefined) return;
    this.#outputs.delete(meta.output);
    const { connection, record } = open;
    const obligation = record.input === null ? null : connection.obligations.get(record.input);
    if (open.intake !== null) {
      remember(open.intake, record.sender, record.attemptOf ?? meta.output, meta.verdict, payload, meta.at);
    }
    if (meta.verdict === 'lost') {
      if (obligation !== null) connection.uncertain(obligation, record.platform);
      return;
    }
    connection.obligations.destinationSaid(record.attemptOf ?? meta.output, meta.verdict === 'positive');
    this.#delivered(connection, record.platform, meta);
    if (meta.verdict === 'positive' && payload !== null) {
      const isCommitted = readAnswer(payload)?.isCommit === true;
      const who = { sender: record.sender, socket: null, isCommitted };
      connection.correspondence[record.platform].remember(record.msh10, who);
    }
    if (obligation === null) {
      if (record.input !== null && meta.verdict === 'positive')
        connection.obligations.deliveredLate(record.input, record.platform);
      return;
    }
    obligation.controlAnswer = payload;
    connection.obligations.settled(obligation, record.platform, meta.verdict === 'positive');
  }

  #reownedVerdict(meta: OutputVerdictRecord, payload: Buffer | null): void {
    if (meta.verdict === 'lost') return;
    const decided = this.#resolved.get(meta.output);
    this.#resolved.delete(meta.output);
    const open = this.#outputs.get(meta.output);
    // Its platform still waited for the answer to the capture: a resend gets the destination's own, and is no new output.
    if (open?.intake != null) {
      const first = open.record.attemptOf ?? meta.output;
      remember(open.intake, open.record.sender, first, meta.verdict, payload, meta.at);
    }
    const connection = this.#connection(meta.connection);
    if (connection === undefined) return;
    connection.obligations.takeOver(meta.output);
    for (const obligation of [...connection.obligations.all()]) {
      const platform = PLATFORMS.find((item) => obligation.sides[item].output === meta.output);
      if (platform === undefined) continue;
      connection.obligations.takeOver(obligation.sides[platform].firstOutput ?? meta.output);
      obligation.controlAnswer = payload;
      this.#delivered(connection, platform, meta);
      const facts = obligation.sides[platform].outputFacts;
      connection.obligations.settled(obligation, platform, meta.verdict === 'positive');
      if (meta.verdict !== 'positive' && facts !== null)
        this.#reject(connection, { offset: meta.output, facts, input: obligation.input, inputFacts: obligation.facts });
      return;
    }
    const proposal = decided?.proposals[decided.proposalOffsets.indexOf(meta.output)];
    if (decided !== undefined && proposal !== undefined && meta.verdict !== 'positive') {
      const facts = { msh10: proposal.msh10, sha: proposal.sha256 };
      this.#reject(connection, { offset: meta.output, facts, ...inputOf(decided) });
    }
    // A person's decision, or its input has been closed meanwhile: it was delivered all the same.
    this.#delivered(connection, otherPlatform(controlOf(connection.route)), meta);
  }

  #reject(connection: ConnectionEngine, output: RejectedOutput): void {
    this.#rejected.set(output.offset, { connection: connection.config.name, output });
  }

  #delivered(connection: ConnectionEngine, platform: Platform, meta: OutputVerdictRecord): void {
    if (meta.verdict === 'positive') {
      connection.counters.delivered++;
      connection.observed = { epoch: connection.route.epoch, deliveredFrom: platform, atMs: meta.at };
    } else connection.counters.destinationRejected++;
  }

  #captureAnswer(output: number, payload: Buffer | null): void {
    const open = this.#outputs.get(output);
    this.#outputs.delete(output);
    if (open?.intake == null) return;
    const { record, intake } = open;
    const verdict = (payload === null ? null : readAnswer(payload))?.verdict ?? 'other';
    remember(intake, record.sender, record.attemptOf ?? output, verdict, payload, record.at);
  }

  #epoch(offset: number, { record, reowns, atOffset }: RouteEpochRecord): void {
    const connection = this.#connection(record.connection);
    if (connection === undefined) {
      this.#stranger(record.connection).phase = record.phase;
      return;
    }
    connection.obligations.expire(this.#engine.runtime.now, (item, platform) =>
      connection.ownership.owes(item, platform),
    );
    this.#unwritten.delete(record.connection);
    // It came with this epoch from another shard.
    if (connection.epochs.at(-1)?.digest === record.digest) return;
    const former = connection.route;
    const ownedBefore = connection.ownership.remembered();
    connection.epochs.push(record);
    connection.route = { phase: record.phase, newWeight: record.newWeight, epoch: record.epoch };
    const candidate = candidateOf(connection.route);
    const control = controlOf(connection.route);
    connection.obligations.keepOnly(candidate === null ? [control] : [control, candidate]);
    // Its doubts follow in the journal as decisions of their own; what a crash took of these is opened at the end.
    if (record.forced) takeOver(connection, 'new', ownedBefore, reowns);
    connection.changeOver.restore(atOffset ? { offset, former } : null);
  }

  #operation(meta: OperationRecord): void {
    const connection = this.#connection(meta.connection);
    const route = connection?.route ?? FIRST_ROUTE;
    const { epoch, pauseMs, heldMessages, inFlightAtHold, drainedAt } = meta;
    this.#engine.operations.recover(meta.requestId, this.#nameOf(meta.connection), {
      epoch,
      phase: route.phase,
      newWeight: route.newWeight,
      control: controlOf(route),
      pauseMs,
      heldMessages,
      inFlightAtHold,
      drainedAt,
      ...(meta.outcome === 'aborted' ? { aborted: true, reason: meta.reason ?? 'aborted' } : {}),
    });
  }

  /** A process ended here: what it had open will get no verdict any more. */
  #closeOpen(): void {
    for (const { input } of this.#inputs.values()) {
      for (const connection of this.#connectionsOf(input.feed)) {
        connection.inputAnswered(input, input.primary, 'lost', true);
        connection.counters.unanswered++;
      }
    }
    for (const { connection, record } of this.#outputs.values()) {
      const obligation = record.input === null ? null : connection.obligations.get(record.input);
      if (record.role === 'deliver' && obligation !== null) connection.uncertain(obligation, record.platform);
    }
    this.#inputs.clear();
    this.#outputs.clear();
  }

  /** Every connection is born in `legacy`, epoch 1, and its history says so. */
  #bear(connection: ConnectionEngine, nowMs: number): void {
    const record: EpochRecord = linkEpoch(null, {
      connection: connection.config.name,
      ...FIRST_ROUTE,
      verb: 'init',
      by: 'init',
      origin: 'init',
      requestId: `init-${connection.config.name}`,
      reason: null,
      changeId: null,
      approval: null,
      forced: false,
      ...(connection.platformOrigin === null ? {} : { outputsFrom: 'platform' }),
      at: new Date(nowMs).toISOString(),
    });
    connection.epochs.push(record);
    this.#engine.runtime.append({ t: 'epoch', record, reowns: false, atOffset: false, at: nowMs }, null, 'durable');
  }
}

/** What a checkpoint has of a feed, under the name that the feed has now. */
function loadFeed(feed: FeedEngine, saved: EngineState['feeds'][string]): void {
  const { name } = feed.config;
  feed.intake.memory.load(saved.memory.map((one) => ({ ...one, sender: senderAt(name, one.sender) })));
  feed.sequence.load((saved.sequence ?? []).map(([sender, last]) => [senderAt(name, sender), last]));
  for (const platform of PLATFORMS) {
    const copies = saved.shadows[platform];
    feed.shadows[platform].load(copies.map((copy) => ({ ...copy, input: { ...copy.input, feed: name } })));
    const correspondents = saved.correspondence[platform];
    feed.correspondence[platform].load(
      correspondents.map(([ids, who]) => [
        ids,
        { ...who, sender: who.sender === null ? null : senderAt(name, who.sender) },
      ]),
    );
  }
}

/** A sender of a feed that was renamed is the one that it was. */
function senderAt(feed: string, sender: string): string {
  return `${feed}${sender.slice(Math.max(0, sender.lastIndexOf('@')))}`;
}

/** The crash may have come between an output that is kept for nobody and its entry. */
function listKept(connection: ConnectionEngine, { role }: OutputRecord, facts: MessageFacts, offset: number): void {
  const list = KEPT_LIST[role];
  if (list !== null && !connection.lists.entries(list).some(({ id }) => id.at.endsWith(`/${offset}`)))
    connection.listed(list, facts, offset, 'crash');
}

/** What was taken over is sent again: any of it may have reached the destination before the crash. */
function listTakenOver(connection: ConnectionEngine): void {
  for (const { isPromised, owner, sides } of connection.obligations.all()) {
    if (!isPromised || owner === null) continue;
    const { state, output, outputFacts } = sides[owner];
    if (state === 'settled' && outputFacts !== null) connection.listed('maybeSent', outputFacts, output, 'crash');
  }
}

function remember(
  intake: Intake,
  sender: string,
  first: number,
  verdict: string,
  answer: Buffer | null,
  atMs: number,
): void {
  const remembered = intake.memory.last(sender);
  if (remembered === null || remembered.firstAttempt !== first) return;
  if (verdict === 'positive' && answer !== null) remembered.outcome = { kind: 'positive', answer, atMs, socket: null };
  else remembered.outcome = { kind: verdict === 'negative' ? 'negative' : 'unknown' };
}
