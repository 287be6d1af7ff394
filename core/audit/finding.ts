/** What an audit found: named by entry, connection or file, so that anyone can look it up. */
export type Finding = {
  /** What was looked at: ledger, chain, checkpoint, epochs, approvals, evidence, gateways, pulumi. */
  readonly check: string;
  readonly verdict: 'ok' | 'warning' | 'failed';
  readonly message: string;
  /** The ledger entry that it is about; null: none in particular. */
  readonly entry: number | null;
};

export function fine(check: string, message: string): Finding {
  return { check, verdict: 'ok', message, entry: null };
}

export function warning(check: string, message: string, entry: number | null = null): Finding {
  return { check, verdict: 'warning', message, entry };
}

export function failed(check: string, message: string, entry: number | null = null): Finding {
  return { check, verdict: 'failed', message, entry };
}
