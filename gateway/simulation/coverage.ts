/** The table of what was tried: how often each fault met each state of a swap. */
import { FAULTS, SWAP_STATES } from './faults.ts';

export function coverageTable(coverage: ReadonlyMap<string, ReadonlyMap<string, number>>): string {
  const width = Math.max(...FAULTS.map((fault) => fault.length)) + 2;
  const lines = [`${'fault \\ state'.padEnd(width)}${SWAP_STATES.map((state) => state.padStart(13)).join('')}`];
  for (const fault of FAULTS) {
    const cells = SWAP_STATES.map((state) => String(coverage.get(fault)?.get(state) ?? 0).padStart(13));
    lines.push(`${fault.padEnd(width)}${cells.join('')}`);
  }
  return `${lines.join('\n')}\n`;
}
