/**
 * Payloads are patient data and go when their time is over; digests, ids and counts stay and still verify. Without
 * --keep-days a connection's payloads go 30 days after it was decommissioned, which needs the signed sign-off.
 */
import type { Logger } from 'pino';
import type { PurgeScope } from '../adapters/proof-purge.ts';
import type { ProofWriter } from '../adapters/proof-writer.ts';
import { type Estate, servedBy } from './estate.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
/** Stretches of one call: the journals are taken on in between. */
const STRETCHES = 20;

export type Retention = {
  readonly estate: Estate;
  /** Null: by sign-off. */
  readonly keepDays: number | null;
  readonly logger: Logger;
  readonly nowMs: number;
};

export async function purgeDue(writer: ProofWriter, { estate, keepDays, logger, nowMs }: Retention): Promise<void> {
  const beforeMs = nowMs - (keepDays ?? DEFAULT_DAYS) * DAY_MS;
  const scopes = keepDays === null ? scopesOf(estate, await writer.signedOff(), beforeMs) : [EVERYTHING];
  let stretches = 0;
  let purged = 0;
  for (const scope of scopes) {
    for (const { id } of await writer.journals()) {
      for (let isDone = false; !isDone && stretches < STRETCHES; stretches++) {
        const stretch = await writer.purge(id, scope, beforeMs);
        isDone = stretch.isDone;
        purged += stretch.purged;
        if (stretch.mismatched > 0) {
          const facts = { event: 'purge-mismatch', scope: scope.name, records: stretch.mismatched };
          logger.error(facts, 'records whose digest does not fit their payload keep it: they were changed');
        }
      }
    }
  }
  if (purged > 0) logger.info({ event: 'purged', payloads: purged }, 'payloads purged');
}

const EVERYTHING: PurgeScope = { name: 'all', connections: null, feeds: null };

/** A feed's inputs go when all its connections may. */
function scopesOf(estate: Estate, signedOff: ReadonlyMap<string, number>, beforeMs: number): readonly PurgeScope[] {
  const isDue = (connection: string): boolean => (signedOff.get(connection) ?? Number.POSITIVE_INFINITY) < beforeMs;
  return [...signedOff.keys()].filter(isDue).map((connection) => {
    const { feed } = servedBy(estate, connection);
    const isLast = (estate.feeds.get(feed) ?? [connection]).every(isDue);
    const name = isLast ? `connection and feed: ${connection}` : `connection: ${connection}`;
    const connections = allNames(estate, connection);
    // A feed of its own is renamed with its connection.
    const feeds = isLast ? [feed, ...(feed === connection ? connections : [])] : [];
    return { name, connections, feeds };
  });
}

/** The records bear the names of their time. */
function allNames({ renamed }: Estate, connection: string): readonly string[] {
  return [connection, ...[...renamed].flatMap(([former, name]) => (name === connection ? [former] : []))];
}
