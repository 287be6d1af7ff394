/**
 * An exported ledger: one entry a line, in canonical JSON. Whatever is not exactly that, or does not follow the entry
 * before it, is named by its line and entry.
 */
import { canonicalJson, type Json } from '../canonical-json.ts';
import { findChainFault, type LedgerEntry, ledgerEntrySchema } from '../ledger-entry.ts';
import { type Finding, failed, fine } from './finding.ts';

export type ReadLedger = {
  /** Up to the first fault. */
  readonly entries: readonly LedgerEntry[];
  readonly findings: readonly Finding[];
};

export function readLedger(bytes: Uint8Array, deployment: string): ReadLedger {
  const text = decode(bytes);
  if (text === null) return { entries: [], findings: [failed('ledger', 'it is not UTF-8: bytes were changed')] };
  if (text === '') return { entries: [], findings: [fine('ledger', 'it has no entries')] };
  const lines = text.split('\n');
  const findings: Finding[] = [];
  if (lines.pop() !== '')
    findings.push(failed('ledger', `its last line (${lines.length + 1}) is cut or has something after it`));
  const entries: LedgerEntry[] = [];
  for (const [index, line] of lines.entries()) {
    const entry = readLine(line);
    if (typeof entry === 'string') {
      findings.push(failed('ledger', `line ${index + 1}: ${entry}`, index + 1));
      break;
    }
    if (entry.deployment !== deployment) {
      const message = `entry ${entry.seq} is of deployment ${entry.deployment}, not of ${deployment}`;
      findings.push(failed('ledger', message, entry.seq));
      break;
    }
    entries.push(entry);
  }
  const fault = findChainFault(entries);
  if (fault !== null) findings.push(failed('chain', fault.message, fault.seq));
  const whole =
    fault === null
      ? entries
      : entries.slice(
          0,
          entries.findIndex(({ seq }) => seq === fault.seq),
        );
  if (findings.length === 0) findings.push(fine('chain', `${entries.length} entries, each follows the one before it`));
  return { entries: whole, findings };
}

function readLine(line: string): LedgerEntry | string {
  let json: Json;
  try {
    json = JSON.parse(line);
  } catch {
    return 'it is no JSON: it was changed';
  }
  const parsed = ledgerEntrySchema.safeParse(json);
  if (!parsed.success)
    return `it is no entry of a ledger (${parsed.error.issues[0]?.path.join('.') || 'form'}): it was changed`;
  if (canonicalJson(json) !== line) return `entry ${parsed.data.seq} is not in its canonical form: it was changed`;
  return parsed.data;
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
