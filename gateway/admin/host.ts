/** What the admin API asks of the shard that it stands before. Expected refusals are values. */
import type {
  ApiError,
  ConnectionStatus,
  EpochRecord,
  Info,
  ListEntry,
  ListName,
  NewestEpoch,
  OpenDecision,
  RefusedMove,
  RouteRequest,
  RouteResponse,
  StopAttestation,
  StopRequest,
} from '../../core/admin-api.ts';
import type { Origin, Route } from '../../core/platform.ts';
import type { Figures } from '../families.ts';
import type { Caller } from './credentials.ts';

export type { Caller } from './credentials.ts';

export type ResolveRequest = { readonly action: 'deliver' | 'discard'; readonly reason: string };
/** What a move is judged by. */
export type RouteOfConnection = Route & { readonly name: string; readonly origin: Origin };
export type HostError = { readonly status: number; readonly error: ApiError };
export type HostResult<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & HostError);

export type AdminHost = {
  info(): Info;
  connections(): ConnectionStatus[];
  connection(name: string): ConnectionStatus | null;
  /** Of the same connection, at next to no cost: the moves of a wave come all at once, and messages wait behind them. */
  routeOf(name: string): RouteOfConnection | null;
  /** Oldest first; null for an unknown connection. */
  epochs(name: string): EpochRecord[] | null;
  /** Of every connection. */
  newestEpochs(): NewestEpoch[];
  list(name: string, list: ListName): { entries: ListEntry[]; total: number } | null;
  /** Open ones first. */
  decisions(): OpenDecision[];
  /** Newest first. */
  refusedMoves(): { entries: RefusedMove[]; total: number };
  move(name: string, request: RouteRequest, caller: Caller): Promise<HostResult<RouteResponse>>;
  hold(name: string, forMs: number, reason: string, caller: Caller): Promise<HostResult<{ heldUntil: string }>>;
  release(name: string, caller: Caller): Promise<HostResult<Record<string, never>>>;
  /** Somebody says that a platform of a connection without a feed is stopped. */
  stopped(name: string, request: StopRequest, caller: Caller): Promise<HostResult<StopAttestation>>;
  resolve(id: string, request: ResolveRequest, caller: Caller): Promise<HostResult<OpenDecision>>;
  ready(): { ready: boolean; reasons: string[] };
  figures(): Promise<Figures>;
};
