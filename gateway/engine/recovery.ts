/**
 * Rebuilds the engine's state from the journal: routes, retry memory, obligations, shadow backlog, lists, decisions and
 * operations. Nothing is sent while it reads. What a crash left open is then said: a message without a durable verdict
 * may have been taken by its peer, and nobody knows (rule 2).
 */
import { PLATFORMS, primaryOf } from '../../core/platform.ts';
import { isOwed } from './backlog.ts';
import { bearNew } from './birth.ts';
import type { FeedEngine } from './feed.ts';
import { type MayGo, neededBy } from './needed.ts';
import type { JournalMeta } from './records.ts';
import { replayDecision, replayResolution } from './recovery/decisions.ts';
import { replayCrash, replayListed } from './recovery/heard.ts';
import { replayInput, replayInputVerdict, replayShadow, replayShadowGap } from './recovery/inputs.ts';
import type { Stranger } from './recovery/names.ts';
import type { OpenCounts } from './recovery/open-records.ts';
import { replayCaptureAnswer, replayOutput, replayOutputVerdict } from './recovery/outputs.ts';
import { type Replay, replayInto } from './recovery/replay.ts';
import { replayEpoch, replayFence, replayOperation, replayUnfence } from './recovery/routes.ts';
import type { Gone } from './recovery/shard-moves.ts';
import { dumpState, type EngineState, loadState } from './recovery/state.ts';
import { replayTakenOverVerdict } from './recovery/taken-over.ts';
import { closeOpen, listOpen, listRepeated } from './recovery/unknown.ts';
import { deliverCaptures, doubtsOf } from './reown.ts';
import type { ShardEngine } from './shard.ts';

export class Recovery {
  readonly #engine: ShardEngine;
  readonly #replay: Replay;

  constructor(engine: ShardEngine) {
    this.#engine = engine;
    engine.runtime.isReplaying = true;
    this.#replay = replayInto(engine);
  }

  /** The state after every record so far, as a checkpoint keeps it. Before `finish` only. */
  dump(): EngineState {
    return dumpState(this.#replay);
  }

  /** Begins from a checkpoint; the records that follow it are applied as always. */
  load(state: EngineState): void {
    loadState(this.#replay, state);
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
    return neededBy(this.#engine, mayGo, this.#replay.open.offsets);
  }

  /** What may not vanish from the inventory: it is in the path, and its traffic would stop. */
  get strangers(): readonly Stranger[] {
    return this.#replay.names.strangers.filter(
      ({ name, phase, wasUsed }) => phase !== 'decommissioned' && wasUsed && this.goneOf(name) === null,
    );
  }

  /** Where a connection went that this shard has served; null: nowhere, as far as this journal knows. */
  goneOf(connection: string): Gone | null {
    return this.#replay.moves.goneOf(connection);
  }

  hasCome(move: string): boolean {
    return this.#replay.moves.hasCome(move);
  }

  /** What of a feed has no end in the journal: its messages, outputs, and captures that a person has sent on. */
  openOf(feed: string): OpenCounts {
    return this.#replay.open.countOf(feed, this.#replay.names.connectionsOf(feed));
  }

  apply(offset: number, meta: JournalMeta, payload: Buffer | null): void {
    const replay = this.#replay;
    this.#engine.runtime.now = 'at' in meta ? meta.at : this.#engine.runtime.now;
    switch (meta.t) {
      case 'input':
        replayInput(replay, offset, meta, payload);
        return;
      case 'input-verdict':
        replayInputVerdict(replay, meta, payload);
        return;
      case 'shadow':
        replayShadow(replay, meta);
        return;
      case 'shadow-gap':
        replayShadowGap(replay, meta);
        return;
      case 'output':
        replayOutput(replay, offset, meta, payload);
        return;
      case 'output-verdict':
        if (meta.reowned) replayTakenOverVerdict(replay, meta, payload);
        else replayOutputVerdict(replay, meta, payload);
        return;
      case 'capture-answer':
        replayCaptureAnswer(replay, meta.output, payload);
        return;
      case 'epoch':
        replayEpoch(replay, offset, meta);
        return;
      case 'operation':
        replayOperation(replay, meta);
        return;
      case 'list':
        replayListed(replay, meta);
        return;
      case 'decision':
        replayDecision(replay, meta);
        return;
      case 'resolution':
        replayResolution(replay, meta);
        return;
      case 'start':
        closeOpen(replay);
        if (!meta.clean) replayCrash(this.#engine, meta.at);
        replay.restored.clear();
        return;
      case 'fence':
        replayFence(replay, meta.connections);
        return;
      case 'unfence':
        replayUnfence(replay, meta.connection);
        return;
      case 'stopped':
        replay.names.connection(meta.connection)?.platformOrigin?.attested(meta.attestation);
        return;
      case 'moved-out':
        replay.moves.movedOut(meta);
        return;
      case 'moved-in':
        replay.moves.movedIn(meta, payload);
        return;
      case 'move-refused':
        this.#engine.refusedMoves.add(meta);
        return;
      case 'lost':
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
    const { runtime, connections, feeds, backlog } = this.#engine;
    runtime.now = nowMs;
    runtime.isReplaying = false;
    runtime.append({ t: 'start', version, clean, at: nowMs }, null, 'written');
    const { names, moves } = this.#replay;
    this.#engine.former = new Set([...names.strangers.map(({ name }) => name), ...moves.gone]);
    this.#writeEpochs();
    for (const feed of feeds.values()) {
      feed.setPrimary(primaryOf(this.#engine.connectionsOf(feed.config.name).map(({ route }) => route)));
    }
    listOpen(this.#replay);
    closeOpen(this.#replay);
    listRepeated(this.#replay, clean);
    if (!clean) replayCrash(this.#engine, nowMs);
    backlog.recover(firstOffset);
    for (const { platformOrigin } of connections.values()) platformOrigin?.listens(nowMs);
    for (const feed of feeds.values()) this.#engine.whenServing(feed.config.name, () => this.#goOn(feed));
  }

  /** Of connections that are new here, and of those that have come with an epoch from another shard. */
  #writeEpochs(): void {
    const { runtime } = this.#engine;
    bearNew(this.#engine);
    for (const record of this.#replay.moves.unwrittenEpochs) {
      runtime.append({ t: 'epoch', record, reowns: false, atOffset: false, at: runtime.now }, null, 'durable');
    }
  }

  /** What is owed goes out, what is in doubt is asked, and the feed takes messages. */
  #goOn(feed: FeedEngine): void {
    const { open } = this.#replay;
    const { deciding } = this.#engine;
    const connections = this.#engine.connectionsOf(feed.config.name);
    for (const connection of connections) {
      for (const platform of PLATFORMS) deliverCaptures(connection, platform);
      for (const { cause, input } of doubtsOf(connection)) deciding.open(connection, cause, input);
    }
    for (const [offset, decision] of open.resolved) {
      if (connections.some(({ config }) => config.name === decision.connection)) deciding.redeliver(decision, offset);
    }
    for (const { connection: name, output } of open.rejected.values()) {
      const connection = connections.find(({ config }) => config.name === name);
      if (connection !== undefined) deciding.openRejected(connection, output);
    }
    for (const connection of connections) {
      deciding.askOfGap(connection);
      connection.changeOver.resume();
      connection.doubts.watch();
    }
    feed.advance();
  }
}
