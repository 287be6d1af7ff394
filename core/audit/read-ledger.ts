/**
 * An exported ledger: one entry a line, in canonical JSON. Whatever is not exactly that, or does not follow the entry
 * before it, is named by its line and entry.
 */

import { canonicalJson, type Json } from '../canonical-json.ts';
import { counted } from '../count-words.ts';
import { type ChainHead, EMPTY_CHAIN, findChainFault, type LedgerEntry, ledgerEntrySchema } from '../ledger-entry.ts';
import { type Finding, failed, fine } from './finding.ts';

const LINE_FEED = 0x0a;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export type ReadLedger = {
  /** Up to the first fault. */
  readonly entries: readonly LedgerEntry[];
  readonly findings: readonly Finding[];
};

/** `after`: what the first line has to follow; without it a ledger begins with entry 1. */
export function readLedger(bytes: Uint8Array, deployment: string, after: ChainHead = EMPTY_CHAIN): ReadLedger {
  if (bytes.length === 0) return { entries: [], findings: [fine('ledger', 'it has no entries')] };
  const { lines, isWhole } = linesOf(bytes);
  const findings: Finding[] = [];
  if (!isWhole)
    findings.push(failed('ledger', `its last line (${after.seq + lines.length + 1}) is cut or has something after it`));
  const entries: LedgerEntry[] = [];
  for (const [index, line] of lines.entries()) {
    const entry = readLine(line);
    if (typeof entry === 'string') {
      const line = after.seq + index + 1;
      findings.push(failed('ledger', `line ${line}: ${entry}`, line));
      break;
    }
    if (entry.deployment !== deployment) {
      const message = `entry ${entry.seq} is of deployment ${entry.deployment}, not of ${deployment}`;
      findings.push(failed('ledger', message, entry.seq));
      break;
    }
    entries.push(entry);
  }
  const fault = findChainFault(entries, after);
  if (fault !== null) findings.push(failed('chain', fault.message, fault.seq));
  const whole =
    fault === null
      ? entries
      : entries.slice(
          0,
          entries.findIndex(({ seq }) => seq === fault.seq),
        );
  if (findings.length === 0)
    findings.push(fine('chain', `${counted(entries.length, 'entry', 'entries')}, each follows the one before it`));
  return { entries: whole, findings };
}

function readLine(bytes: Uint8Array): LedgerEntry | string {
  const line = decode(bytes);
  if (line === null) return 'it is not UTF-8: it was changed';
  try {
    return entryIn(line);
  } catch {
    // No JSON, brackets without end, or half a character: nothing that was ever written here.
    return 'it is no JSON: it was changed';
  }
}

/** What is judged further on is compared with the line: nothing can stand in it that was left out on reading. */
function entryIn(line: string): LedgerEntry | string {
  const parsed = ledgerEntrySchema.safeParse(JSON.parse(line));
  if (!parsed.success)
    return `it is no entry of a ledger (${parsed.error.issues[0]?.path.join('.') || 'form'}): it was changed`;
  if (canonicalJson(parsed.data as Json) !== line)
    return `entry ${parsed.data.seq} is not in its canonical form: it was changed`;
  return parsed.data;
}

/** Without what stands behind the last line feed, which is none. */
function linesOf(bytes: Uint8Array): { readonly lines: readonly Uint8Array[]; readonly isWhole: boolean } {
  const lines: Uint8Array[] = [];
  let from = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
    lines.push(bytes.subarray(from, at));
    from = at + 1;
  }
  return { lines, isWhole: from === bytes.length };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}
