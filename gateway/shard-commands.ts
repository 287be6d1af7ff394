/** What the admin API may have a shard do, with the refusals as the person or program at the other end reads them. */
import type { RouteRequest, StopAttestation } from '../core/admin-api.ts';
import type { AdminHost, Caller, HostError, HostResult, ResolveRequest } from './admin/host.ts';
import type { NotResolved } from './engine/deciding.ts';
import { whyFenced } from './engine/fence.ts';
import type { ShardEngine } from './engine/shard.ts';
import type { ShardOptions } from './shard-options.ts';

const STATUS_OF_BAR: Readonly<Record<NotResolved['code'], number>> = {
  'unknown-decision': 404,
  'operation-in-flight': 409,
  'nothing-to-deliver': 409,
  fenced: 409,
  'journal-failed': 503,
};

type Commands = Pick<AdminHost, 'move' | 'hold' | 'release' | 'stopped' | 'resolve'>;

export function commandsOf(engine: ShardEngine, { logger, now }: Pick<ShardOptions, 'logger' | 'now'>): Commands {
  return {
    move: (name: string, request: RouteRequest, caller: Caller) =>
      new Promise((resolve) => engine.move(now(), name, request, caller, resolve)),
    hold: async (name, forMs, reason, caller) => {
      if (engine.connections.get(name)?.config.origin === 'platform') {
        const message = `${name} has no feed (origin: platform): there is nobody to hold`;
        return refused(400, 'no-feed', message, ['stop what polls at the platform']);
      }
      const held = engine.hold(now(), name, forMs);
      if (held === 'answering') {
        const message = `the feed of ${name} has just been held, and still answers what waited meanwhile`;
        return refused(409, 'still-answering', message, ['again in a moment']);
      }
      logger.info({ event: 'held-by-hand', connection: name, by: caller.name, reason, forMs });
      return held === null ? unknown(name) : { ok: true, value: { heldUntil: new Date(held.untilMs).toISOString() } };
    },
    release: async (name, caller) => {
      if (!engine.release(now(), name)) return unknown(name);
      const fence = engine.connections.get(name)?.fence ?? null;
      if (fence !== null && fence.kind !== 'restored') {
        const { message, next } = whyFenced(name, fence);
        return refused(409, 'fenced', message, next);
      }
      await new Promise<void>((resolve) => engine.unfence(now(), name, caller.name, resolve));
      return { ok: true, value: {} };
    },
    stopped: (name, request, caller) =>
      new Promise((resolve) => {
        const then = (value: StopAttestation | null): void => {
          if (value !== null) resolve({ ok: true, value });
          else {
            const sends = `${request.platform} has sent again while this was written down: it is not stopped`;
            resolve(refused(409, 'still-sends', sends, [`stop what polls in ${request.platform}`]));
          }
        };
        if (engine.attestStopped(now(), name, request, caller.name, then)) return;
        const message = `${name} has a feed: it is switched under traffic, and nothing is stopped for it`;
        resolve(refused(400, 'has-feed', message, ['cutover switch']));
      }),
    resolve: (
      id: string,
      request: ResolveRequest,
      caller: Caller,
    ): Promise<HostResult<ReturnType<AdminHost['decisions']>[number]>> =>
      new Promise((resolve) => {
        const bar = engine.resolve(now(), id, request.action, caller.name, request.reason, (decision) => {
          const { inputOffset: _input, proposalOffsets: _proposals, ...value } = decision;
          resolve({ ok: true, value });
        });
        if (bar === null) return;
        resolve(refused(STATUS_OF_BAR[bar.code], bar.code, bar.message, bar.next));
      }),
  };
}

function unknown(name: string): { readonly ok: false } & HostError {
  return refused(404, 'unknown-connection', `no connection is named '${name}' here`);
}

function refused(
  status: number,
  code: string,
  message: string,
  next: readonly string[] = [],
): { readonly ok: false } & HostError {
  return { ok: false, status, error: { code, message, next: [...next] } };
}
