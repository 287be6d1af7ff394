/** How a connection that is new to a journal begins. */
import type { EpochRecord } from '../../core/admin-api.ts';
import { linkEpoch } from '../../core/epoch-history.ts';
import { FIRST_ROUTE } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import type { Runtime } from './runtime.ts';
import type { ShardEngine } from './shard.ts';

/** Those that have no epoch; one that is to come from another shard begins with its coming. */
export function bearNew({ connections, runtime }: Pick<ShardEngine, 'connections' | 'runtime'>): void {
  for (const connection of connections.values()) {
    if (connection.epochs.length === 0 && connection.fence?.kind !== 'awaited') bear(connection, runtime);
  }
}

/** Every connection is born in `legacy`, epoch 1, and its history says so. */
function bear(connection: ConnectionEngine, runtime: Runtime): void {
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
    at: new Date(runtime.now).toISOString(),
  });
  connection.epochs.push(record);
  runtime.append({ t: 'epoch', record, reowns: false, atOffset: false, at: runtime.now }, null, 'durable');
}
