/**
 * Who is told: `stacks/NAME/notify.yaml`. A webhook's address is a secret, and so is a password: the file names the
 * environment variables that hold them, and refuses the secrets themselves.
 */
import { z } from 'zod';
import { type Failed, parseYaml } from '../located-yaml.ts';
import { NOTICE_EVENTS } from './notice.ts';

const variable = z
  .string()
  .regex(
    /^[A-Z_][A-Z0-9_]*$/,
    'write the name of an environment variable that holds it, as in CUTOVER_SLACK_URL; the secret itself never stands in a file',
  );
const common = {
  name: z.string().min(1),
  events: z
    .array(z.enum(NOTICE_EVENTS))
    .min(1)
    .default([...NOTICE_EVENTS])
    .describe('phase: something moved; red: something is wrong; finish: a verb or a wave is through'),
};
const address = z.email();

const receiverSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('slack'), ...common, url: variable.describe('of an incoming webhook') }),
  z.strictObject({ kind: z.literal('teams'), ...common, url: variable.describe('of a Workflows webhook') }),
  z.strictObject({
    kind: z.literal('email'),
    ...common,
    host: z.string().min(1),
    port: z.int().min(1).max(65_535),
    tls: z
      .enum(['from-the-start', 'starttls', 'none'])
      .describe('none: on this machine only; a password is never sent without TLS'),
    user: variable.optional(),
    password: variable.optional(),
    from: address,
    to: z.array(address).min(1).max(50),
  }),
]);

export const notifySchema = z.strictObject({ receivers: z.array(receiverSchema).max(20) });
export type Receiver = z.output<typeof receiverSchema>;
export type EmailReceiver = Extract<Receiver, { kind: 'email' }>;

export function parseReceivers(
  text: string,
  file: string,
): { readonly ok: true; readonly value: readonly Receiver[] } | Failed {
  const parsed = parseYaml(text, file, notifySchema);
  return parsed.ok ? { ok: true, value: parsed.value.receivers } : parsed;
}

export function notifyJsonSchema(): object {
  return z.toJSONSchema(notifySchema, { io: 'input' });
}
