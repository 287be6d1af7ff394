/**
 * When a connection may be decommissioned: it has run switched for as long as the inventory says, and none of its messages
 * waits for a decision, since legacy's captures are the proposals. Gateway and verbs ask this one function.
 */

export type SoakQuestion = {
  /** When its present epoch was committed. */
  readonly changedAt: string;
  readonly openDecisions: number;
  readonly soakMs: number;
  readonly nowMs: number;
};

export type TooEarly = {
  readonly code: 'decisions-open' | 'soak';
  readonly message: string;
  readonly next: readonly string[];
};

export function tooEarlyToDecommission({ changedAt, openDecisions, soakMs, nowMs }: SoakQuestion): TooEarly | null {
  if (openDecisions > 0) {
    const message = `${openDecisions} of its messages wait for a decision, and legacy's captures are the proposals`;
    return { code: 'decisions-open', message, next: ['cutover resolve'] };
  }
  const endsMs = Date.parse(changedAt) + soakMs;
  if (nowMs >= endsMs) return null;
  const message = `it runs switched since ${changedAt}; it may be decommissioned from ${new Date(endsMs).toISOString()} on`;
  const remedy = "wait, or shorten `defaults.soak` in the inventory, the gateway's too (SIGHUP)";
  return { code: 'soak', message, next: [remedy] };
}
