/** Looks at every source again and again, each at its own pace, and keeps the whole picture. A source that fails is said. */

import type { GatewayClient } from '../adapters/gateway-admin.ts';
import { PostgresFailure } from '../adapters/postgres.ts';
import type { ConnectionStatus } from '../core/admin-api.ts';
import { counted } from '../core/count-words.ts';
import type { Inventory } from '../core/inventory.ts';
import { type Comparison, summarise, type Tile, tileOf } from '../core/war-room/board.ts';
import {
  type ApprovalLine,
  appendBounded,
  type DecisionLine,
  type Equation,
  type GateLine,
  KEPT,
  mergeBounded,
  type Pause,
  type Sample,
  type SourceLine,
  type TimelineEntry,
  type Whole,
} from '../core/war-room/feed.ts';
import { EvidenceReader } from './evidence.ts';
import {
  clientsOf,
  ProofReader,
  readApprovalLines,
  readConfiguredEpochs,
  readGateway,
  readOpenDecisions,
  readTimeline,
} from './sources.ts';

export type CollectorOptions = {
  readonly inventory: Inventory;
  readonly stack: string;
  readonly stackFile: string;
  readonly approvalFolder: string;
  readonly evidenceFolder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onChange: () => void;
  /** Moves since the last look. What a connection had behind it when it was first seen is not among them. */
  readonly onMoves: (moves: readonly TimelineEntry[]) => void;
};

const GATEWAYS_EVERY_MS = 1_000;
const FILES_EVERY_MS = 3_000;
const PROOF_EVERY_MS = 5_000;
const HISTORIES_AT_ONCE = 16;
const PAUSES_OF_MS = 24 * 3_600_000;
/** Each gateway ships at its own pace: what one ships late is older than what is known from another. */
const LATE_MS = 10 * 60_000;
const NOT_CONFIGURED: SourceLine = {
  name: 'PostgreSQL',
  verdict: 'absent',
  message: 'DATABASE_URL is not set: nothing compares, and pauses are not known',
};

function keyOf({ connection, atMs }: Pause): string {
  return `${connection} ${atMs}`;
}

export class Collector {
  readonly #options: CollectorOptions;
  readonly #clients: readonly GatewayClient[];
  readonly #statuses = new Map<string, ConnectionStatus>();
  readonly #failures = new Map<number, string>();
  readonly #knownEpochs = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  #configured: ReadonlyMap<string, number> = new Map();
  #comparisons: ReadonlyMap<string, Comparison> = new Map();
  #tiles: readonly Tile[] = [];
  #samples: readonly Sample[] = [];
  #pauses: readonly Pause[] = [];
  #timeline: readonly TimelineEntry[] = [];
  #decisions: readonly DecisionLine[] = [];
  #approvals: readonly ApprovalLine[] = [];
  #gate: GateLine | null = null;
  readonly #evidence: EvidenceReader;
  #proof: SourceLine = NOT_CONFIGURED;
  #reader: ProofReader | null = null;
  #totals: { atMs: number; received: number; delivered: number } | null = null;
  #isClosed = false;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#clients = clientsOf(options.inventory, options.env);
    this.#evidence = new EvidenceReader(options.evidenceFolder);
  }

  async start(): Promise<void> {
    await Promise.all([this.#lookAtGateways(), this.#lookAtFiles()]);
    this.#repeat(GATEWAYS_EVERY_MS, () => this.#lookAtGateways());
    this.#repeat(FILES_EVERY_MS, () => this.#lookAtFiles());
    this.#repeat(PROOF_EVERY_MS, () => this.#lookAtProof());
    void this.#lookAtProof();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#clients.map((client) => client.close()), this.#reader?.close()]);
  }

  whole(): Whole {
    const { inventory, stack } = this.#options;
    return {
      deployment: inventory.deployment,
      stack,
      tiles: this.#tiles,
      summary: summarise(this.#tiles),
      samples: this.#samples,
      pauses: this.#pauses,
      timeline: this.#timeline,
      decisions: this.#decisions,
      approvals: this.#approvals,
      gate: this.#gate,
      sources: this.#sources(),
      atMs: Date.now(),
    };
  }

  /** The newest status as the gateway gave it, for the drill-down. */
  detail(name: string): { tile: Tile; status: ConnectionStatus | null; equation: Equation | null } | null {
    const tile = this.#tiles.find((each) => each.name === name);
    if (tile === undefined) return null;
    return { tile, status: this.#statuses.get(name) ?? null, equation: this.#evidence.equationOf(name) };
  }

  /** Never two looks of one kind at a time; the next begins when the last is over. */
  #repeat(everyMs: number, look: () => Promise<void>): void {
    const again = async (): Promise<void> => {
      if (this.#isClosed) return;
      await look();
      if (this.#isClosed) return;
      this.#timers[slot] = setTimeout(() => void again(), everyMs);
    };
    const slot = this.#timers.length;
    this.#timers.push(setTimeout(() => void again(), everyMs));
  }

  async #lookAtGateways(): Promise<void> {
    const answers = await Promise.all(
      this.#clients.map(async (client) => ({ client, read: await readGateway(client) })),
    );
    const decisions = await Promise.all(this.#clients.map((client) => readOpenDecisions(client)));
    for (const { client, read } of answers) {
      if (read.ok) this.#failures.delete(client.shard);
      else this.#failures.set(client.shard, read.message);
      for (const { name, shard } of this.#options.inventory.connections) {
        if (shard !== client.shard) continue;
        const status = read.ok ? read.value.get(name) : undefined;
        if (status === undefined) this.#statuses.delete(name);
        else this.#statuses.set(name, status);
      }
    }
    this.#decisions = decisions.flat().map(({ id, connection, cause, openedAt, proposals }) => ({
      id,
      connection,
      cause,
      openedAt,
      proposals: proposals.length,
    }));
    this.#sample();
    this.#compose();
    // After a wave many histories are new: what has moved is shown before who moved it.
    if (await this.#lookAtHistories()) this.#options.onChange();
  }

  #sample(): void {
    const statuses = [...this.#statuses.values()];
    const sum = (read: (status: ConnectionStatus) => number): number =>
      statuses.reduce((total, status) => total + read(status), 0);
    const now = {
      atMs: Date.now(),
      received: sum(({ counters }) => counters.received),
      delivered: sum(({ counters }) => counters.delivered),
    };
    const before = this.#totals;
    this.#totals = now;
    if (before === null || now.received < before.received) return;
    const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
    const sample = {
      atMs: now.atMs,
      received: (now.received - before.received) / seconds,
      delivered: Math.max(0, (now.delivered - before.delivered) / seconds),
      lag: sum(({ shadowLag }) => shadowLag),
    };
    this.#samples = appendBounded(this.#samples, [sample], KEPT.samples);
  }

  /** Only of connections whose epoch is another one than when we last looked. True: there was something new. */
  async #lookAtHistories(): Promise<boolean> {
    const moved = [...this.#statuses.values()].filter(({ name, epoch }) => this.#knownEpochs.get(name) !== epoch);
    const fresh: TimelineEntry[] = [];
    const news: TimelineEntry[] = [];
    for (let start = 0; start < moved.length && !this.#isClosed; start += HISTORIES_AT_ONCE) {
      const batch = moved.slice(start, start + HISTORIES_AT_ONCE);
      const histories = await Promise.all(
        batch.map(async ({ name, epoch }) => ({ name, epoch, history: await this.#historyOf(name) })),
      );
      for (const { name, epoch, history } of histories) {
        if (history === null) continue;
        const known = this.#knownEpochs.get(name);
        const entries = history.filter((entry) => entry.epoch > (known ?? 1));
        fresh.push(...entries);
        if (known !== undefined) news.push(...entries);
        this.#knownEpochs.set(name, epoch);
      }
    }
    if (news.length > 0) this.#options.onMoves(news);
    if (fresh.length === 0) return false;
    this.#timeline = mergeBounded(this.#timeline, fresh, KEPT.timeline);
    return true;
  }

  async #historyOf(name: string): Promise<TimelineEntry[] | null> {
    const shard = this.#options.inventory.connections.find((each) => each.name === name)?.shard;
    const client = this.#clients.find((each) => each.shard === shard);
    const isYoung = this.#statuses.get(name)?.epoch === 1;
    return client === undefined ? null : isYoung ? [] : readTimeline(client, name);
  }

  async #lookAtFiles(): Promise<void> {
    const { stackFile, approvalFolder } = this.#options;
    [this.#configured, this.#approvals] = await Promise.all([
      readConfiguredEpochs(stackFile),
      readApprovalLines(approvalFolder),
      this.#evidence.look(),
    ]);
    this.#gate = this.#evidence.gate(Date.now());
  }

  async #lookAtProof(): Promise<void> {
    const url = this.#options.env.DATABASE_URL;
    if (!url) return;
    try {
      this.#reader ??= await ProofReader.open(url, this.#options.inventory.deployment);
      const newestMs = this.#pauses.at(-1)?.atMs;
      const sinceMs = newestMs === undefined ? Date.now() - PAUSES_OF_MS : newestMs - LATE_MS;
      const [comparisons, pauses] = [await this.#reader.comparisons(), await this.#reader.pausesSince(sinceMs)];
      this.#comparisons = comparisons;
      const known = new Set(this.#pauses.map(keyOf));
      const fresh = pauses.filter((pause) => !known.has(keyOf(pause)));
      this.#pauses = mergeBounded(this.#pauses, fresh, KEPT.pauses);
      const message =
        comparisons.size === 0
          ? 'no comparison yet: does `cutover worker` run?'
          : `${counted(comparisons.size, 'connection is', 'connections are')} compared`;
      this.#proof = { name: 'PostgreSQL', verdict: comparisons.size === 0 ? 'absent' : 'fine', message };
    } catch (error) {
      if (!(error instanceof PostgresFailure)) throw error;
      await this.#reader?.close();
      this.#reader = null;
      this.#comparisons = new Map();
      this.#proof = { name: 'PostgreSQL', verdict: 'bad', message: error.message };
    }
  }

  #compose(): void {
    this.#tiles = this.#options.inventory.connections.map((connection) =>
      tileOf({
        connection,
        status: this.#statuses.get(connection.name) ?? null,
        failure: this.#failures.get(connection.shard) ?? `the gateway of shard ${connection.shard} does not know it`,
        configuredEpoch: this.#configured.get(connection.name) ?? null,
        comparison: this.#comparisons.get(connection.name) ?? null,
      }),
    );
    this.#options.onChange();
  }

  #sources(): SourceLine[] {
    const gateways = this.#clients.map(({ shard, admin }): SourceLine => {
      const failure = this.#failures.get(shard);
      return { name: `gateway ${shard}`, verdict: failure === undefined ? 'fine' : 'bad', message: failure ?? admin };
    });
    return [...gateways, this.#proof];
  }
}
