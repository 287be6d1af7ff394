/** The gateway's figures, read off the engine when they are asked for. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type ConnectionStatus, countersSchema, type State } from '../core/admin-api.ts';
import { strangersMessages } from '../core/platform-origin.ts';
import type { Mishap } from './drivers/mishaps.ts';
import { Exposition } from './exposition.ts';
import { ALONE, type Family, type Labels } from './families.ts';
import type { JournalUsage } from './journal/journal.ts';
import { type MoveFigures, moveMetrics } from './move-figures.ts';
import { shippingMetrics } from './shipping/metrics.ts';
import type { ShippingStatus } from './shipping/status.ts';

type Bounded = { readonly value: number; readonly limit: number };

export type MetricsSource = {
  connections(): Iterable<ConnectionStatus>;
  journal(): JournalUsage & { readonly bufferedBytes: number };
  openSockets(): number;
  /** Frames of all senders together, in bytes. */
  frames(): Bounded;
  /** Answers of all platforms and destinations together, in bytes. */
  answers(): Bounded;
  /** Inputs that wait for their outputs, in all connections together. */
  openInputs(): Bounded;
  mishaps(): readonly Mishap[];
  certificates(): readonly { readonly endpoint: string; readonly expiresAtMs: number }[];
  /** Of the file system with the data directory. Null: it does not tell. */
  disk(): { readonly freeBytes: number; readonly totalBytes: number } | null;
  /** Null: nothing is shipped. */
  shipping(): ShippingStatus | null;
  /** Since the data directory was born. */
  refusedMoves(): ReadonlyMap<string, number>;
  moves(): MoveFigures;
  identity(): { readonly shard: number; readonly deployment: string; readonly version: string };
};

const COUNTERS = countersSchema.keyof().options;
const HELD: ReadonlySet<State> = new Set<State>(['holding', 'draining', 'committing', 'held']);

/** Of each connection, on one look at it. Null: where there is no value there is no series. */
type ConnectionFigure = {
  readonly name: string;
  readonly help: string;
  value(status: ConnectionStatus): number | null;
};

const CONNECTION_FIGURES: readonly ConnectionFigure[] = [
  { name: 'epoch', help: 'Epoch of the connection', value: ({ epoch }) => epoch },
  {
    name: 'control_is_new',
    help: '1 where the new platform is the control',
    value: ({ control }) => (control === 'new' ? 1 : 0),
  },
  {
    name: 'shadow_lag_messages',
    help: 'Copies that the other platform has not answered',
    value: ({ shadowLag }) => shadowLag,
  },
  { name: 'owed_outputs', help: 'Outputs of the control that are owed', value: ({ owedOutputs }) => owedOutputs },
  { name: 'in_flight', help: 'Messages on their way', value: ({ inFlight }) => inFlight },
  {
    name: 'rollback_ready',
    help: '1 where a rollback would be lossless now',
    value: ({ rollbackReady }) => (rollbackReady.ready ? 1 : 0),
  },
  {
    name: 'decisions_open',
    help: 'Entries of the decision list that wait for a person',
    value: ({ decisions }) => decisions,
  },
  {
    name: 'rollback_at_risk',
    help: '1 where it is switched and a rollback would not be lossless',
    value: (status) => (status.phase === 'switched' && !status.rollbackReady.ready ? 1 : 0),
  },
  {
    name: 'legacy_rejected_copies',
    help: 'Shadow messages that legacy did not take since the switch',
    value: (status) => status.readiness?.legacyRejects ?? 0,
  },
  {
    name: 'shadow_gap_messages',
    help: 'Messages that the other platform did not get, because their copies were given up, and nobody has said what becomes of it',
    value: (status) => status.readiness?.shadowGap?.count ?? 0,
  },
  {
    name: 'stranger_messages',
    help: 'Messages of the platform that does not own it (origin: platform), refused since somebody said that it is stopped',
    value: strangersMessages,
  },
  {
    name: 'legacy_last_match_timestamp_seconds',
    help: "When legacy's output for an input was last captured; absent: not since the gateway started",
    value: ({ readiness }) =>
      readiness?.lastLegacyMatch == null ? null : Date.parse(readiness.lastLegacyMatch) / 1000,
  },
  {
    name: 'held',
    help: '1 where nothing new is admitted at the moment',
    value: ({ state }) => (HELD.has(state) ? 1 : 0),
  },
  {
    name: 'fenced',
    help: '1 where it serves nobody until its epoch is known',
    value: ({ state }) => (state === 'fenced' ? 1 : 0),
  },
];

/** Counting each of a thousand sockets takes milliseconds of the traffic's thread, and `open_sockets` tells; `open_fds` is another thread's. */
const COSTLY = ['nodejs_active_handles', 'nodejs_active_requests', 'nodejs_active_resources', 'process_open_fds'];

export function gatewayMetrics(live: MetricsSource): Exposition {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'cutover_' });
  for (const name of COSTLY) {
    for (const suffix of ['', '_total']) registry.removeSingleMetric(`cutover_${name}${suffix}`);
  }
  journalMetrics(registry, live);
  limitMetrics(registry, live);
  identityMetric(registry, live);
  moveMetrics(registry, { refused: live.refusedMoves, figures: live.moves() });
  securityMetrics(registry, live);
  shippingMetrics(registry, live.shipping);
  return new Exposition(registry, () => look(live));
}

function* look(live: MetricsSource): Generator<undefined, readonly Family[]> {
  const moves = live.moves();
  const figures = [...CONNECTION_FIGURES, pausesTooLong(moves)];
  const rows: Labels[] = [];
  const values: number[][] = figures.map(() => []);
  const counted: number[] = [];
  for (const status of live.connections()) {
    rows.push({ connection: status.name });
    for (const [index, { value }] of figures.entries()) values[index]?.push(value(status) ?? Number.NaN);
    for (const counter of COUNTERS) counted.push(status.counters[counter]);
    // One with thousands of open inputs takes its time.
    yield;
  }
  const messages: Family = {
    name: 'cutover_messages_total',
    help: 'Messages by what became of them',
    type: 'gauge',
    rows,
    columns: COUNTERS.map((counter) => ({ labels: { counter } })),
    values: Float64Array.from(counted),
  };
  const families = figures.map(
    ({ name, help }, index): Family => ({
      name: `cutover_${name}`,
      help,
      type: 'gauge',
      rows,
      columns: ALONE,
      values: Float64Array.from(values[index] ?? []),
    }),
  );
  return [...families, messages, moves.pauses()];
}

function pausesTooLong({ tooLong }: MoveFigures): ConnectionFigure {
  return {
    name: 'pauses_too_long_total',
    help: 'Swaps around which a sender waited longer than its ackTimeout (unknown: 5 s)',
    value: ({ name }) => tooLong.get(name) ?? 0,
  };
}

function plain(registry: Registry, name: string, help: string, value: () => number | null): void {
  const gauge: Gauge = new Gauge({
    name: `cutover_${name}`,
    help,
    registers: [registry],
    collect: () => {
      const figure = value();
      // Unknown must not be taken for zero.
      if (figure === null) gauge.remove();
      else gauge.set(figure);
    },
  });
}

function journalMetrics(registry: Registry, { journal, disk }: MetricsSource): void {
  plain(registry, 'journal_bytes', 'Bytes of the journal on disk', () => journal().bytes);
  plain(registry, 'journal_segments', 'Segments of the journal', () => journal().segments);
  plain(registry, 'journal_buffered_bytes', 'Bytes that wait for the disk', () => journal().bufferedBytes);
  plain(
    registry,
    'disk_free_bytes',
    'Bytes that are free where the data directory is',
    () => disk()?.freeBytes ?? null,
  );
  plain(
    registry,
    'disk_total_bytes',
    'Size of the file system where the data directory is',
    () => disk()?.totalBytes ?? null,
  );
}

function limitMetrics(registry: Registry, { frames, answers, openInputs, openSockets }: MetricsSource): void {
  const framesHelp = 'Bytes of frames of senders, whole or not, that have no answer yet';
  plain(registry, 'frame_bytes', framesHelp, () => frames().value);
  plain(registry, 'frame_limit_bytes', 'What they may take before long frames wait', () => frames().limit);
  const answersHelp = 'Bytes of answers of platforms and destinations that are not complete';
  plain(registry, 'answer_bytes', answersHelp, () => answers().value);
  plain(registry, 'answer_limit_bytes', 'What they may take before long answers wait', () => answers().limit);
  const inputsHelp = 'Messages whose outputs have not come yet, in all connections';
  plain(registry, 'open_inputs', inputsHelp, () => openInputs().value);
  plain(registry, 'open_inputs_limit', 'How many of them are waited for', () => openInputs().limit);
  plain(registry, 'open_sockets', 'Sockets to sources, platforms and destinations', openSockets);
}

function identityMetric(registry: Registry, { identity }: MetricsSource): void {
  const info: Gauge<'shard' | 'deployment' | 'version'> = new Gauge({
    name: 'cutover_info',
    help: 'Always 1: which shard of which deployment this is',
    labelNames: ['shard', 'deployment', 'version'],
    registers: [registry],
    collect: () => {
      const { shard, deployment, version } = identity();
      info.set({ shard: String(shard), deployment, version }, 1);
    },
  });
}

function securityMetrics(registry: Registry, source: Pick<MetricsSource, 'mishaps' | 'certificates'>): void {
  const refused: Gauge<'endpoint' | 'cause'> = new Gauge({
    name: 'cutover_sockets_refused_total',
    help: 'Sockets that were turned away, or that a peer over TLS or from a local address did not give',
    labelNames: ['endpoint', 'cause'],
    registers: [registry],
    collect: () => {
      for (const { endpoint, cause, count } of source.mishaps()) refused.set({ endpoint, cause }, count);
    },
  });
  const expiry: Gauge<'endpoint'> = new Gauge({
    name: 'cutover_certificate_expires_timestamp_seconds',
    help: "End of the gateway's own certificate at an endpoint",
    labelNames: ['endpoint'],
    registers: [registry],
    collect: () => {
      expiry.reset();
      for (const { endpoint, expiresAtMs } of source.certificates()) expiry.set({ endpoint }, expiresAtMs / 1000);
    },
  });
}
