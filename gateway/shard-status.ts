/** How a shard that serves stands: what the engine says of its connections, with what only the process knows of them. */
import { X509Certificate } from 'node:crypto';
import { statfsSync } from 'node:fs';
import type { ConnectionStatus } from '../core/admin-api.ts';
import type { RealDriver } from './drivers/real.ts';
import type { FrameBudget } from './engine/frame-budget.ts';
import type { ShardEngine } from './engine/shard.ts';
import type { Journal } from './journal/journal.ts';
import { gatewayMetrics } from './metrics.ts';
import { MoveFigures } from './move-figures.ts';
import { type ProcessFacts, withReadiness } from './readiness.ts';
import type { ShardOptions } from './shard-options.ts';
import type { Shipping } from './shipping/shipping.ts';
import type { TlsStore } from './tls.ts';
import { VERSION } from './version.ts';

/** A shard that serves. */
export type Serving = {
  readonly start: ShardOptions;
  readonly startedMs: number;
  readonly engine: ShardEngine;
  readonly driver: RealDriver;
  readonly journal: Journal;
  readonly tls: TlsStore;
  readonly shipping: Shipping | null;
};

/** Null: there is no such connection. */
export function statusOf(serving: Serving, name: string): ConnectionStatus | null {
  return withFacts(serving.engine.status(name), factsNow(serving));
}

export function* statusesOf(serving: Serving): Generator<ConnectionStatus> {
  const facts = factsNow(serving);
  for (const name of serving.engine.connections.keys()) {
    const status = withFacts(serving.engine.status(name), facts);
    if (status !== null) yield status;
  }
}

function withFacts(status: ConnectionStatus | null, facts: ProcessFacts): ConnectionStatus | null {
  return status === null ? null : withReadiness(status, facts);
}

function factsNow({ start, startedMs, tls }: Serving): ProcessFacts {
  return { nowMs: start.now(), startedMs, certificates: tls.expiries(), disk: diskOf(start.dataDir) };
}

/** From here on the moves of the engine are counted. */
export function figuresOf(serving: Serving): ReturnType<typeof gatewayMetrics> {
  const { start, engine, driver, journal, tls, shipping } = serving;
  const { identity } = start;
  const figures = new MoveFigures((connection) => engine.feedOf(connection)?.config.ackTimeoutMs ?? null);
  engine.watch = figures;
  return gatewayMetrics({
    connections: () => statusesOf(serving),
    journal: () => ({ ...journal.usage(), bufferedBytes: journal.bufferedBytes }),
    openSockets: () => driver.openSockets,
    frames: () => used(engine.runtime.budget),
    answers: () => used(engine.runtime.answerBudget),
    openInputs: () => ({ value: engine.runtime.openInputs.count, limit: engine.runtime.openInputs.limits.shard }),
    mishaps: () => driver.mishaps.counts(),
    certificates: () => [...adminExpiry(start), ...tls.expiries()],
    disk: () => diskOf(start.dataDir),
    shipping: () => shipping?.status() ?? null,
    refusedMoves: () => engine.refusedMoves.byReason,
    moves: () => figures,
    identity: () => ({ shard: identity.shard, deployment: identity.deployment, version: VERSION }),
  });
}

function used({ bytes, limitBytes }: FrameBudget): { readonly value: number; readonly limit: number } {
  return { value: bytes, limit: limitBytes };
}

function adminExpiry({
  adminCertificate,
}: ShardOptions): { readonly endpoint: string; readonly expiresAtMs: number }[] {
  if (adminCertificate === undefined) return [];
  return [{ endpoint: 'admin', expiresAtMs: Date.parse(new X509Certificate(adminCertificate()).validTo) }];
}

function diskOf(folder: string): { readonly freeBytes: number; readonly totalBytes: number } | null {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null;
  }
}
