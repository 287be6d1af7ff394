/**
 * `stacks/<stack>/handover.yaml`: what people have agreed and done beside the technical work: hand-offs of the four parties,
 * knowledge transfer, notices, the bridge of the night and the roster of the first morning.
 */
import { z } from 'zod';
import { type Failed, parseYaml } from '../located-yaml.ts';

const date = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'a date is YYYY-MM-DD');
const contact = z.strictObject({ name: z.string().min(1), role: z.string().min(1), phone: z.string().min(3) });
const handOff = z.strictObject({
  what: z.string().min(1).describe('what this party does, and when'),
  contact: z.string().min(1),
  agreed: date.optional().describe('absent: not agreed yet'),
});

export const handoverSchema = z.strictObject({
  handOffs: z.strictObject({
    legacy: z.array(handOff).min(1),
    new: z.array(handOff).min(1),
    emr: z.array(handOff.extend({ vendor: z.string().min(1).describe('as under `owners.emr`') })).min(1),
    lis: z.array(handOff).min(1),
  }),
  knowledgeTransfer: z
    .array(z.strictObject({ topic: z.string().min(1), to: z.string().min(1), done: date.optional() }))
    .min(1),
  notices: z.array(z.strictObject({ wave: z.string(), to: z.string().min(1), sent: date.optional() })),
  bridge: z.strictObject({ dialIn: z.string().min(1), contacts: z.array(contact).min(1) }),
  onCall: z
    .array(
      z.strictObject({ team: z.string().min(1).describe('as under `owners.new`'), people: z.array(contact).min(1) }),
    )
    .default([])
    .describe(
      'who of the new owners is called at night; the alert that the gate asks for is acknowledged by one of them',
    ),
  roster: z
    .array(z.strictObject({ wave: z.string(), people: z.array(contact).min(1) }))
    .describe('of the first morning'),
});
export type Handover = z.output<typeof handoverSchema>;

export function parseHandover(text: string, file: string): { readonly ok: true; readonly value: Handover } | Failed {
  return parseYaml(text, file, handoverSchema);
}
