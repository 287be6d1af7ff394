/** Whom a request comes from, by its bearer token. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Caller, Credential } from './credentials.ts';

/** The caller that an Authorization header proves, or null. Takes as long for a wrong token as for a right one. */
export function authenticate(header: string | undefined, credentials: readonly Credential[]): Caller | null {
  const token = /^Bearer ([^\s]{1,500})$/i.exec(header ?? '')?.[1] ?? '';
  const offered = hash('sha256', token, 'buffer');
  let caller: Caller | null = null;
  for (const { name, role, sha256 } of credentials) {
    const same = timingSafeEqual(offered, Buffer.from(sha256, 'hex'));
    if (same && token !== '') caller = { name, role };
  }
  return caller;
}
