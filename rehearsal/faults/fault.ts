/** What a fault is: where in the night it strikes, what it does, and what it notes down. */
import type { ConnectionStatus } from '../../core/admin-api.ts';
import type { Finished } from '../product.ts';
import type { Around, Stage } from '../stage.ts';
import type { VerbStep } from '../verb-steps.ts';

/** `done`: it did what it should, everywhere; else the reasons are noted. */
export type Swapped = { readonly done: boolean; readonly finished: Finished };

/** What a fault may do with the rehearsal under way. */
export type Director = {
  readonly stage: Stage;
  readonly around: Around;
  /** A verb on everything, timed and judged as any step of the night. */
  swap(step: VerbStep): Promise<Swapped>;
  /** A verb with `--stack` added; judged by the caller. */
  verb(step: string, argv: readonly string[]): Promise<Finished>;
  timed<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Waits until every connection had so many more messages accepted; a reason for red where that does not happen. */
  flow(when: string, messages?: number): Promise<void>;
  /** Waits until nothing is left to shadow; answers with how long it took. */
  caughtUp(): Promise<number>;
  /** Every connection as the gateway shows it; throws where it cannot be asked. */
  statuses(): Promise<readonly ConnectionStatus[]>;
  injected(what: string, count?: number): void;
  seen(what: string, count?: number): void;
  /** A reason for red. */
  wrong(reason: string): void;
};

export type Fault = {
  /** After this step of the night, or in place of it. */
  readonly at: { readonly after: 'parallel' | 'switch' } | { readonly insteadOf: 'rollback' };
  /** False: the rest of the night cannot be played. */
  play(director: Director): Promise<boolean>;
};

export function total(statuses: readonly ConnectionStatus[], read: (status: ConnectionStatus) => number): number {
  return statuses.reduce((sum, status) => sum + read(status), 0);
}
