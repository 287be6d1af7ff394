/** Who may use the admin API: named credentials, of which a gateway keeps the digest only. */
import { hash } from 'node:crypto';
import { z } from 'zod';

export const ROLES = ['operate', 'move'] as const;
export type Role = (typeof ROLES)[number];

/** `name` becomes the operator of every move that is made with the credential. */
export type Caller = { readonly name: string; readonly role: Role };

/** Without any nobody could ever move a connection or read its state. */
export const credentialsSchema = z
  .array(
    z.strictObject({
      name: z.string().min(1).max(100),
      role: z.enum(ROLES),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, 'the SHA-256 of the token, 64 lower-case hex digits'),
    }),
  )
  .min(1);
export type Credential = z.output<typeof credentialsSchema>[number];

/** Two entries with one token, by place and name; null: every token is one entry's own. Who acted could else not be told. */
export function sharedToken(credentials: readonly Credential[]): string | null {
  const placed = credentials.map((credential, index) => ({
    ...credential,
    place: `entry ${index + 1} ('${credential.name}')`,
  }));
  const shared = [...Map.groupBy(placed, ({ sha256 }) => sha256).values()].find((those) => those.length > 1);
  return shared === undefined ? null : shared.map(({ place }) => place).join(' and ');
}

export function digestOfToken(token: string): string {
  return hash('sha256', token);
}
