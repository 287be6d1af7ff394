/**
 * The verbs' lease: taken at every gateway of the selection in shard order (so two verbs never wait for each other in
 * a circle), renewed in the background, released at the end. It keeps verbs apart; what fences moves is the epoch.
 */
import type { GatewayClient } from '../../adapters/gateway-admin.ts';
import { isProcessAlive } from '../../adapters/process-alive.ts';
import type { Lease } from '../../core/admin-api.ts';
import type { Context } from './context.ts';
import { hasBeenInterrupted, throwIfInterrupted } from './pause.ts';
import { EXIT, VerbStop } from './stop.ts';

const TTL_MS = 30_000;
const RENEW_EVERY_MS = 8_000;
const RETRY_EVERY_MS = 1_000;
/** Longer than a lease outlives its dead holder, so that a rerun after a kill gets through by itself. */
export const LEASE_WAIT_MS = 45_000;

export type HeldLease = {
  /** Gateways that could not be reached and were left out. */
  readonly skipped: readonly number[];
  release(): Promise<void>;
};

export type LeaseOptions = {
  /** Rollback alone: an unreachable gateway is left out instead of ending the verb. */
  readonly skipUnreachable: boolean;
  /** Go on without the lease where another verb holds it. */
  readonly evenIfHeld: boolean;
  readonly waitMs: number;
};

/** Throws a VerbStop where a gateway cannot be asked, or another verb keeps holding it. */
export async function takeLease(context: Context, options: LeaseOptions): Promise<HeldLease> {
  const request = {
    holder: holderId(context.runId),
    host: context.host,
    operator: context.operator,
    verb: context.verb,
    ttlMs: TTL_MS,
  };
  const held: GatewayClient[] = [];
  const skipped: number[] = [];
  const release = async (): Promise<void> => {
    clearInterval(renewal);
    await Promise.all(held.map((gateway) => gateway.lease.release(request.holder)));
  };
  const renewal = setInterval(() => {
    for (const gateway of held) void gateway.lease.renew(request);
  }, RENEW_EVERY_MS);
  renewal.unref();
  try {
    for (const gateway of context.gateways) {
      const taken = await acquire(context, gateway, request, options);
      if (taken) held.push(gateway);
      else skipped.push(gateway.shard);
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { skipped, release };
}

async function acquire(
  context: Context,
  gateway: GatewayClient,
  request: Parameters<GatewayClient['lease']['acquire']>[0],
  options: LeaseOptions,
): Promise<boolean> {
  const startedMs = context.clock.elapsedMs();
  for (let announced = false; ; ) {
    const result = await gateway.lease.acquire(request);
    if (result.ok) return true;
    if (result.error.code !== 'lease-held') {
      if (options.skipUnreachable && result.kind === 'unreachable') {
        context.terminal.warn(`shard ${gateway.shard} is left out: ${result.error.message}`);
        return false;
      }
      throw new VerbStop(EXIT.failed, {
        code: result.error.code,
        message: result.error.message,
        next: result.error.next,
      });
    }
    const lease = await gateway.lease.get();
    const present = lease.ok ? lease.value : null;
    if (present !== null && isGone(present, context.host)) {
      context.terminal.progress(`the process that held the lease of shard ${gateway.shard} is gone: it is taken over`);
      await gateway.lease.release(present.holder);
      continue;
    }
    const holder = present === null ? result.error.message : formatHolder(present);
    if (options.evenIfHeld) {
      context.terminal.warn(`going on without the lease of shard ${gateway.shard}: ${holder}`);
      return false;
    }
    if (context.clock.elapsedMs() - startedMs > options.waitMs) {
      const message = `shard ${gateway.shard} is in use: ${holder}`;
      throw new VerbStop(EXIT.refused, {
        code: 'lease-held',
        message,
        next: ['wait for it to end, then run this again'],
      });
    }
    if (!announced)
      context.terminal.progress(`waiting: ${holder}; ${seconds(options.waitMs)} at most, ${wayOut(context)}`);
    announced = true;
    await hasBeenInterrupted(RETRY_EVERY_MS, context.interruption);
    throwIfInterrupted(context.interruption);
  }
}

/** The process is part of the holder's name, so that a rerun on the same host need not wait for a dead one's lease. */
function holderId(runId: string): string {
  return `${runId}@${process.pid}`;
}

function isGone({ holder, host }: Lease, here: string): boolean {
  const pid = /@(\d+)$/.exec(holder)?.[1];
  return host === here && pid !== undefined && !isProcessAlive(Number(pid));
}

function formatHolder(lease: Lease): string {
  return `'${lease.verb}' by ${lease.operator} on ${lease.host} since ${lease.since.slice(11, 19)} UTC`;
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1000)} s`;
}

function wayOut({ verb }: Context): string {
  return verb === 'rollback' ? 'Ctrl-C ends it (rollback --force does not wait)' : 'Ctrl-C ends it';
}
