/** The worker's `/metrics` and `/healthz`, on loopback unless it is told otherwise. No message content, no credentials. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Gauge, Registry } from 'prom-client';
import { type Compared, WORKER_STATES, type WorkerStatus } from './worker.ts';

export async function startStatusServer(
  host: string,
  port: number,
  status: () => WorkerStatus,
): Promise<{ readonly port: number; close(): void }> {
  const registry = registryOf(status);
  const server: Server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    if (path === '/metrics') {
      void registry
        .metrics()
        .then((text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text));
      return;
    }
    if (path !== '/healthz') {
      response.writeHead(404).end();
      return;
    }
    const { compared: _compared, ...present } = status();
    // A standby is healthy: it waits for its turn.
    const isHealthy = present.state === 'working' || present.state === 'standby';
    response.writeHead(isHealthy ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify(present));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function registryOf(status: () => WorkerStatus): Registry {
  const registry = new Registry();
  const byJournal = (
    name: string,
    help: string,
    value: (journal: WorkerStatus['journals'][number]) => number,
  ): void => {
    const gauge: Gauge<'shard' | 'incarnation'> = new Gauge({
      name: `cutover_worker_${name}`,
      help,
      labelNames: ['shard', 'incarnation'],
      registers: [registry],
      collect: () => {
        gauge.reset();
        for (const journal of status().journals) {
          gauge.set({ shard: String(journal.shard), incarnation: journal.incarnation }, value(journal));
        }
      },
    });
  };
  byJournal('position_offset', 'Records up to this offset are accounted for', ({ position }) => position);
  byJournal('lag_records', 'Shipped records that are not accounted for', ({ lagRecords }) => lagRecords);
  byJournal('lag_seconds', 'Age of the newest record that is accounted for, where some wait', (one) => one.lagSeconds);
  byJournal('open_inputs', 'Inputs for which something may still come', ({ openInputs }) => openInputs);
  const byConnection = (name: string, help: string, key: keyof Compared): void => {
    const gauge: Gauge<'connection'> = new Gauge({
      name: `cutover_worker_${name}`,
      help,
      labelNames: ['connection'],
      registers: [registry],
      collect: () => {
        for (const [connection, compared] of status().compared) gauge.set({ connection }, compared[key]);
      },
    });
  };
  byConnection('pairs_total', 'Pairs of outputs that were compared, since the start', 'pairs');
  byConnection('divergent_pairs_total', 'Of these: different, or there on one platform only', 'divergent');
  const failures: Gauge = new Gauge({
    name: 'cutover_worker_failures_total',
    help: 'Failed attempts to reach or write the database',
    registers: [registry],
    collect: () => failures.set(status().failures),
  });
  const definitions: Gauge = new Gauge({
    name: 'cutover_worker_definitions_hold',
    help: '0: rules or contracts were changed and do not hold; those before them go on',
    registers: [registry],
    collect: () => definitions.set(status().definitionsHold ? 1 : 0),
  });
  const state: Gauge<'state'> = new Gauge({
    name: 'cutover_worker_state',
    help: '1 for the state that the worker is in',
    labelNames: ['state'],
    registers: [registry],
    collect: () => {
      state.reset();
      for (const one of WORKER_STATES) state.set({ state: one }, status().state === one ? 1 : 0);
    },
  });
  return registry;
}
