/** The table of what was tried: how often each fault met each state of a swap, with an output under way on each leg. */
import { PLATFORMS } from '../../core/platform.ts';
import { type Coverage, cellOf, FAULTS, IMPOSSIBLE, isImpossible, SWAP_STATES } from './faults.ts';

export function coverageTable(coverage: Coverage): string {
  const width = Math.max(...FAULTS.map((fault) => fault.length)) + 2;
  const head = SWAP_STATES.map((state) => state.padStart(16)).join('');
  const lines = [`${'fault \\ state (legacy/new leg)'.padEnd(width + 10)}${head.slice(10)}`];
  for (const fault of FAULTS) {
    const cells = SWAP_STATES.map((state) =>
      PLATFORMS.map((leg) =>
        isImpossible({ fault, state, leg }) ? '-' : (coverage.get(fault)?.get(cellOf(state, leg)) ?? 0),
      )
        .join('/')
        .padStart(16),
    );
    lines.push(`${fault.padEnd(width)}${cells.join('')}`);
  }
  for (const { fault, state, leg, why } of IMPOSSIBLE) lines.push(`-: ${fault} while ${state}, ${leg} leg: ${why}`);
  return `${lines.join('\n')}\n`;
}

/** Sums of the tables of many nights. */
export function addCoverage(sum: Map<string, Map<string, number>>, more: Coverage): void {
  for (const [fault, cells] of more) {
    const row = sum.get(fault) ?? new Map<string, number>();
    sum.set(fault, row);
    for (const [cell, hits] of cells) row.set(cell, (row.get(cell) ?? 0) + hits);
  }
}
