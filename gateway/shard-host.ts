/** A shard as the admin API sees it: who it is, how its connections stand, what may be asked of it. */
import { API_VERSION, type Info } from '../core/admin-api.ts';
import { digestOf, type Json } from '../core/canonical-json.ts';
import { counted } from '../core/count-words.ts';
import type { Inventory } from '../core/inventory.ts';
import type { AdminHost } from './admin/host.ts';
import type { ShardEngine } from './engine/shard.ts';
import { commandsOf } from './shard-commands.ts';
import { figuresOf, type Serving, statusesOf, statusOf } from './shard-status.ts';
import { VERSION } from './version.ts';

/** `feeds`: the port that each listens on; it grows with the inventory. */
export function hostOf(serving: Serving, feeds: Record<string, number>): AdminHost {
  const { engine, start } = serving;
  const digest = inventoryDigest(start.inventory);
  const figures = figuresOf(serving);
  return {
    info: () => infoOf(serving, feeds, digest),
    ...queriesOf(serving),
    ...commandsOf(engine, start),
    ready: () => readyOf(engine),
    figures: () => figures.take(),
  };
}

function infoOf({ start, startedMs, engine }: Serving, feeds: Record<string, number>, inventoryDigest: string): Info {
  const { deployment, shard, incarnation, target } = start.identity;
  return {
    apiVersion: API_VERSION,
    version: VERSION,
    deployment,
    shard,
    incarnation,
    target,
    startedAt: new Date(startedMs).toISOString(),
    inventoryDigest,
    feeds,
    legs: Object.fromEntries(
      [...engine.connections].map(([name, { config }]) => [
        name,
        { legacy: config.legs.legacy.port, new: config.legs.new.port },
      ]),
    ),
    connections: engine.connections.size,
  };
}

type Queries = Pick<
  AdminHost,
  'connections' | 'connection' | 'routeOf' | 'epochs' | 'newestEpochs' | 'list' | 'decisions' | 'refusedMoves'
>;

function queriesOf(serving: Serving): Queries {
  const { engine } = serving;
  return {
    connections: () => [...statusesOf(serving)],
    connection: (name) => statusOf(serving, name),
    routeOf: (name) => {
      const connection = engine.connections.get(name);
      return connection === undefined ? null : { name, ...connection.route, origin: connection.config.origin };
    },
    epochs: (name) => engine.connections.get(name)?.epochs ?? null,
    newestEpochs: () =>
      [...engine.connections.values()].flatMap(({ epochs }) => {
        const record = epochs.at(-1);
        return record === undefined ? [] : [{ record, answer: engine.operations.answerTo(record.requestId) }];
      }),
    list: (name, list) => {
      const connection = engine.connections.get(name);
      return connection === undefined
        ? null
        : { entries: [...connection.lists.entries(list)], total: connection.lists.total(list) };
    },
    decisions: () =>
      engine.decisions.all().map(({ inputOffset: _input, proposalOffsets: _proposals, ...decision }) => decision),
    refusedMoves: () => ({ entries: [...engine.refusedMoves.newest()], total: engine.refusedMoves.total }),
  };
}

function readyOf(engine: ShardEngine): ReturnType<AdminHost['ready']> {
  const reasons = engine.runtime.journalFailed ? ['the journal cannot be written: see runbooks/gateway-down.md'] : [];
  // One that was moved, or has not come yet, keeps nobody from the others.
  const fenced = [...engine.connections.values()].filter(({ fence }) => fence?.kind === 'restored').length;
  if (fenced > 0)
    reasons.push(
      `${counted(fenced, 'connection is', 'connections are')} fenced after a restore: see runbooks/restore.md`,
    );
  return { ready: reasons.length === 0, reasons };
}

function inventoryDigest(inventory: Inventory): string {
  const plain: Json = JSON.parse(JSON.stringify(inventory));
  return digestOf(plain);
}
