/** What the worker asks about messages, given from outside: how a pair compares, what single outputs show. */
import type { Observation, PairResult } from '../core/compare/pair.ts';

export type Seen = { readonly area: string; readonly name: string };

export type Analysis = {
  /** Of all connections together. */
  basis(): string;
  /** Names what this connection's results rest on: they are counted apart where it changes. */
  basisOf(connection: string): string;
  compare(connection: string, control: Observation, candidate: Observation): PairResult;
  /** Under which name breaches of its contract are counted; '': it has none. */
  contractOf(connection: string): string;
  /** What one output shows by itself: breaches of its contract, what occurs in it. */
  inspect(connection: string, payload: Uint8Array): readonly Seen[];
};
