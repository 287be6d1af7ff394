/** What an operator can do from the war room, and what is asked before: the same as in a terminal, by the same verbs. */
import { z } from 'zod';
import { ACTIONS, NEEDS_REASON } from './confirmations.ts';

const name = z.string().min(1).max(200);
const token = z.string().min(1).max(500);
/** As CUTOVER_ADMIN_TOKEN and CUTOVER_ADMIN_TOKEN_<shard> in a terminal: one for all, and those of a gateway's own. */
export const loginSchema = z
  .strictObject({
    token: token.nullable().default(null),
    tokens: z.record(z.string().regex(/^\d{1,5}$/), token).default({}),
  })
  .refine((login) => login.token !== null || Object.keys(login.tokens).length > 0, { message: 'it needs a token' });
export type Login = z.output<typeof loginSchema>;

/** What a login can do at a gateway. A role of null: nothing, and the complaint says why. */
export type Reach =
  | { readonly shard: number; readonly role: string; readonly complaint: null }
  | { readonly shard: number; readonly role: null; readonly complaint: string };

export const askSchema = z
  .strictObject({
    action: z.enum(ACTIONS),
    scope: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('connection'), name }),
      z.strictObject({ kind: z.literal('wave'), name }),
    ]),
    reason: z.string().trim().max(500),
    /** Of a hold. */
    seconds: z.int().min(1).max(60).default(3),
    /** What the person typed; null: only look at what would happen. */
    confirmed: z.string().max(200).nullable(),
  })
  .refine(({ action, reason, confirmed }) => confirmed === null || !NEEDS_REASON.has(action) || reason !== '', {
    message: 'it needs a reason',
    path: ['reason'],
  });
export type Ask = z.output<typeof askSchema>;

/** The outcome of an ask: the verb's own document, or the command alone where there is nothing to look at beforehand. */
export type Done = { readonly command: string; readonly exitCode: number | null; readonly document: unknown };

/** As after `cutover`, without what says where the project is. */
export function argumentsOf({ action, scope, reason, seconds }: Ask): string[] {
  return [
    action,
    `--${scope.kind}`,
    scope.name,
    ...(action === 'hold' ? ['--for', `${seconds}s`] : []),
    ...(reason === '' || action === 'release' ? [] : ['--reason', reason]),
  ];
}

/** As a person would type it. */
export function commandOf(ask: Ask): string {
  const words = argumentsOf(ask).map((word) =>
    /^[\w.,:@/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  );
  return `cutover ${words.join(' ')}`;
}
