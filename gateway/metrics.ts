/** The gateway's figures in the Prometheus text format, read off the engine when they are asked for. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ConnectionStatus, State } from '../core/admin-api.ts';
import { strangersMessages } from '../core/platform-origin.ts';
import type { Mishap } from './drivers/mishaps.ts';
import { Exposition } from './exposition.ts';
import { type Family, textOf } from './families.ts';
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

const HELD: ReadonlySet<State> = new Set<State>(['holding', 'draining', 'committing', 'held']);

export function gatewayMetrics(live: MetricsSource): Exposition {
  const registry = new Registry();
  // One look at the connections for all their figures.
  let statuses: readonly ConnectionStatus[] = [];
  const source = { ...live, connections: () => statuses };
  const families: Family[] = [];
  collectDefaultMetrics({ register: registry, prefix: 'cutover_' });
  /** Where there is no value there is no series. */
  const perConnection = (name: string, help: string, value: (status: ConnectionStatus) => number | null): void => {
    families.push({
      name: `cutover_${name}`,
      help,
      type: 'gauge',
      *samples() {
        for (const status of source.connections()) {
          const figure = value(status);
          if (figure !== null) yield { labels: { connection: status.name }, value: figure };
        }
      },
    });
  };
  perConnection('epoch', 'Epoch of the connection', ({ epoch }) => epoch);
  perConnection('control_is_new', '1 where the new platform is the control', ({ control }) =>
    control === 'new' ? 1 : 0,
  );
  perConnection('shadow_lag_messages', 'Copies that the other platform has not answered', ({ shadowLag }) => shadowLag);
  perConnection('owed_outputs', 'Outputs of the control that are owed', ({ owedOutputs }) => owedOutputs);
  perConnection('in_flight', 'Messages on their way', ({ inFlight }) => inFlight);
  perConnection('rollback_ready', '1 where a rollback would be lossless now', ({ rollbackReady }) =>
    rollbackReady.ready ? 1 : 0,
  );
  perConnection('decisions_open', 'Entries of the decision list that wait for a person', ({ decisions }) => decisions);

  perConnection('rollback_at_risk', '1 where it is switched and a rollback would not be lossless', (status) =>
    status.phase === 'switched' && !status.rollbackReady.ready ? 1 : 0,
  );
  perConnection(
    'legacy_rejected_copies',
    'Shadow messages that legacy did not take since the switch',
    (status) => status.readiness?.legacyRejects ?? 0,
  );
  perConnection(
    'shadow_gap_messages',
    'Messages that the other platform did not get, because their copies were given up, and nobody has said what becomes of it',
    (status) => status.readiness?.shadowGap?.count ?? 0,
  );
  perConnection(
    'stranger_messages',
    'Messages of the platform that does not own it (origin: platform), refused since somebody said that it is stopped',
    strangersMessages,
  );
  perConnection(
    'legacy_last_match_timestamp_seconds',
    "When legacy's output for an input was last captured; absent: not since the gateway started",
    ({ readiness }) => (readiness?.lastLegacyMatch == null ? null : Date.parse(readiness.lastLegacyMatch) / 1000),
  );
  perConnection('held', '1 where nothing new is admitted at the moment', ({ state }) => (HELD.has(state) ? 1 : 0));
  perConnection('fenced', '1 where it serves nobody until its epoch is known', ({ state }) =>
    state === 'fenced' ? 1 : 0,
  );

  families.push({
    name: 'cutover_messages_total',
    help: 'Messages by what became of them',
    type: 'gauge',
    *samples() {
      for (const { name, counters } of source.connections()) {
        for (const [counter, value] of Object.entries(counters)) yield { labels: { connection: name, counter }, value };
      }
    },
  });
  const plain = (name: string, help: string, value: () => number): void => {
    const gauge: Gauge = new Gauge({
      name: `cutover_${name}`,
      help,
      registers: [registry],
      collect: () => gauge.set(value()),
    });
  };
  plain('journal_bytes', 'Bytes of the journal on disk', () => source.journal().bytes);
  plain('journal_segments', 'Segments of the journal', () => source.journal().segments);
  plain('journal_buffered_bytes', 'Bytes that wait for the disk', () => source.journal().bufferedBytes);
  const ofDisk = (name: string, help: string, key: 'freeBytes' | 'totalBytes'): void => {
    const gauge: Gauge = new Gauge({
      name: `cutover_disk_${name}`,
      help,
      registers: [registry],
      collect: () => {
        const disk = source.disk();
        // Unknown must not be taken for zero.
        if (disk === null) gauge.remove();
        else gauge.set(disk[key]);
      },
    });
  };
  ofDisk('free_bytes', 'Bytes that are free where the data directory is', 'freeBytes');
  ofDisk('total_bytes', 'Size of the file system where the data directory is', 'totalBytes');
  plain(
    'frame_bytes',
    'Bytes of frames of senders, whole or not, that have no answer yet',
    () => source.frames().value,
  );
  plain('frame_limit_bytes', 'What they may take before long frames wait', () => source.frames().limit);
  plain(
    'answer_bytes',
    'Bytes of answers of platforms and destinations that are not complete',
    () => source.answers().value,
  );
  plain('answer_limit_bytes', 'What they may take before long answers wait', () => source.answers().limit);
  plain('open_inputs', 'Messages whose outputs have not come yet, in all connections', () => source.openInputs().value);
  plain('open_inputs_limit', 'How many of them are waited for', () => source.openInputs().limit);
  plain('open_sockets', 'Sockets to sources, platforms and destinations', () => source.openSockets());
  const info: Gauge<'shard' | 'deployment' | 'version'> = new Gauge({
    name: 'cutover_info',
    help: 'Always 1: which shard of which deployment this is',
    labelNames: ['shard', 'deployment', 'version'],
    registers: [registry],
    collect: () => {
      const { shard, deployment, version } = source.identity();
      info.set({ shard: String(shard), deployment, version }, 1);
    },
  });
  const figures = source.moves();
  perConnection(
    'pauses_too_long_total',
    'Swaps around which a sender waited longer than its ackTimeout (unknown: 5 s)',
    ({ name }) => figures.tooLong.get(name) ?? 0,
  );
  families.push(figures.pauses);
  moveMetrics(registry, { refused: source.refusedMoves, figures });
  securityMetrics(registry, source);
  shippingMetrics(registry, source.shipping);
  return new Exposition(registry, function* () {
    const look: ConnectionStatus[] = [];
    for (const status of live.connections()) {
      look.push(status);
      // One with thousands of open inputs takes its time.
      yield null;
    }
    statuses = look;
    for (const family of families) yield* textOf(family);
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
