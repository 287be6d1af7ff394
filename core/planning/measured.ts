/** How long a wave takes, from times that were measured on a wave of another size. */
import type { Needs } from './windows.ts';

export type Measured = {
  readonly connections: number;
  readonly switchMs: number;
  readonly rollbackMs: number;
  /** Where the figures come from, for whoever reads the plan. */
  readonly source: string;
};

/** Nights go worse than rehearsals. */
export const MARGIN = 2;
const UNMEASURED_MS = 20 * 60_000;

export type Reserves = { readonly verifyMs: number; readonly rollbackAtLeastMs: number };

/** A wave smaller than the measured one is taken to need as long: what a verb does once does not shrink with it. */
export function needsOf(connections: number, measured: Measured | null, reserves: Reserves): Needs {
  const { verifyMs, rollbackAtLeastMs } = reserves;
  if (measured === null)
    return { switchMs: UNMEASURED_MS, verifyMs, rollbackMs: Math.max(UNMEASURED_MS, rollbackAtLeastMs) };
  const factor = MARGIN * Math.max(1, connections / measured.connections);
  return {
    switchMs: Math.ceil(measured.switchMs * factor),
    verifyMs,
    rollbackMs: Math.max(rollbackAtLeastMs, Math.ceil(measured.rollbackMs * factor)),
  };
}
