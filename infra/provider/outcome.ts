/** What every operation of the provider comes to: a value, or a message for the person who ran Pulumi. */
import type { GatewayFailure } from '../../adapters/gateway-admin.ts';

export type Refused = {
  readonly ok: false;
  readonly message: string;
  /** True where a gateway gave no answer, or none to us: nothing is known about it. */
  readonly isUnknown?: boolean;
};
export type Outcome<T> = { readonly ok: true; readonly value: T } | Refused;

export function refused(message: string, next: readonly string[] = []): Refused {
  return { ok: false, message: next.length === 0 ? message : `${message}; next: ${next.join(' | ')}` };
}

/** `connection` is named in front where the gateway's message does not do so. */
export function refusedBy(connection: string | null, failure: GatewayFailure): Refused {
  const { message, code, next } = failure.error;
  const prefix = connection === null || message.startsWith(`${connection}:`) ? '' : `${connection}: `;
  return {
    ...refused(`${prefix}${message} [${code}]`, next),
    isUnknown: failure.kind === 'unreachable' || UNANSWERED.has(code),
  };
}

const UNANSWERED = new Set(['credential-missing', 'unauthenticated', 'forbidden']);
