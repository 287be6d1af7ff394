/** What the gate has seen, source by source: frozen data. A source that is not there, or was not read, says so itself. */
import type { ConnectionStatus } from '../admin-api.ts';
import type { Programme } from '../planning/programme.ts';
import type { TrafficProfile } from '../planning/traffic.ts';
import type { Needs, WindowRule } from '../planning/windows.ts';
import type { Origin } from '../platform.ts';
import type { Handover } from './handover.ts';
import type { Raid } from './raid.ts';

export type Observed<T> =
  | { readonly kind: 'observed'; readonly value: T; readonly evidence: readonly string[] }
  | { readonly kind: 'not-configured'; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

export type GateConnection = {
  readonly name: string;
  readonly wave: string;
  readonly origin: Origin;
  /** Under `owners.emr` of the inventory. */
  readonly vendor: string | null;
  /** Under `owners.new`: the team that has it from the switch on. */
  readonly owner: string | null;
  readonly window: WindowRule | null;
  readonly unclassifiedEffects: readonly string[];
  readonly effectsAreKnown: boolean;
  readonly status: Observed<ConnectionStatus>;
};

/** Evidence that something measured earlier, newest first. */
export type Earlier<T> = { readonly digest: string; readonly atMs: number; readonly value: T };

export type DrilledConnection = {
  readonly name: string;
  readonly verdict: 'passed' | 'idle' | 'failed';
  readonly reason: string | null;
  readonly epoch: number | null;
  readonly drainMs: number | null;
  readonly boundMs: number;
};
export type Drill = {
  readonly kind: 'drain' | 'cycle';
  readonly connections: readonly DrilledConnection[];
  readonly cycle: readonly { readonly verb: string; readonly exitCode: number; readonly movedMs: number }[];
};
export type Verdicts = ReadonlyMap<string, { readonly verdict: 'green' | 'red'; readonly reasons: readonly string[] }>;
export type Attestation = { readonly by: string; readonly connections: readonly string[] };

export type Observations = {
  readonly nowMs: number;
  readonly connections: readonly GateConnection[];
  readonly comparison: Observed<Verdicts>;
  readonly drills: Observed<readonly Earlier<Drill>[]>;
  readonly reconciliations: Observed<readonly Earlier<Verdicts>[]>;
  readonly connectivity: readonly Earlier<Attestation>[];
  /** Of connections without a feed, what stands for a comparison and for a drain. */
  readonly withoutFeed: readonly Earlier<Attestation & { readonly what: string }>[];
  readonly alertReceipts: Observed<readonly Earlier<Attestation>[]>;
  readonly raid: Observed<Raid>;
  readonly handover: Observed<Handover>;
  readonly night: {
    readonly programme: Programme;
    readonly needs: Needs;
    /** Of all selected connections together. */
    readonly traffic: Observed<TrafficProfile>;
  };
};
