/**
 * The same channel twice: in two files (a group and the whole backup), or twice in one. The first is taken; the others
 * are left out and say where the first stands. Two that differ are not ours to choose between: the later asks.
 */
import type { Account, Flow, Place, Reading } from './flow.ts';

export function withoutRepeats(readings: readonly Reading[]): Reading[] {
  const first = new Map<string, Flow>();
  return readings.map((reading) => {
    const repeats = new Map<string, Account['outcome']>();
    const flows = reading.flows.filter((flow) => {
      const known = first.get(flow.key);
      if (known === undefined) {
        first.set(flow.key, flow);
        return true;
      }
      repeats.set(at(flow.place), outcomeOf(flow, known));
      return false;
    });
    const accounts = reading.accounts.map((account) => {
      const outcome = repeats.get(at(account.place));
      return outcome === undefined || account.outcome.kind !== 'taken' ? account : { ...account, outcome };
    });
    return repeats.size === 0 ? reading : { ...reading, flows, accounts };
  });
}

function at({ file, line }: Place): string {
  return `${file}:${line}`;
}

function outcomeOf(flow: Flow, known: Flow): Account['outcome'] {
  const where = at(known.place);
  return JSON.stringify({ ...flow, place: known.place }) === JSON.stringify(known)
    ? { kind: 'left-out', reason: `the same connector stands at ${where}` }
    : {
        kind: 'decision',
        reason: `the same connector stands at ${where} with other settings; that one was taken`,
        remedy: 'give only the file that is right',
      };
}
