/**
 * What one output shows by itself, as names that are counted by platform: breaches of its connection's contract, and what
 * occurs in it. `proof_findings` holds these; `judgement.ts` reads them.
 */
import { breachesOf } from '../contracts/check.ts';
import type { CompiledContract } from '../contracts/compile.ts';
import { featuresOf } from '../coverage/features.ts';

export type Seen = { readonly area: string; readonly name: string };

export const COVERAGE_AREA = 'coverage';
/** Counted once for each output that was held against the contract, so that no breach is told from not looked at. */
export const INSPECTED = 'inspected';

/** Breaches of a contract that has changed since are breaches of another one. */
export function contractArea(contract: CompiledContract): string {
  return `contract:${contract.name}@${contract.digest}`;
}

export function inspectOutput(payload: Uint8Array, contract: CompiledContract | null): readonly Seen[] {
  const seen = featuresOf(payload).map((name) => ({ area: COVERAGE_AREA, name }));
  if (contract === null) return seen;
  const area = contractArea(contract);
  const breaches = breachesOf(payload, contract).map(({ name }) => ({ area, name }));
  return [...seen, { area, name: INSPECTED }, ...breaches];
}
