/**
 * Queue and error-store counts of both platforms: messages that never reached a leg may wait there. Somebody has read them, or
 * they are read from the engine's own API.
 */
import { z } from 'zod';
import { PLATFORMS } from '../platform.ts';

const attestedSchema = z.strictObject({
  platform: z.enum(PLATFORMS),
  queued: z.int().min(0).describe('messages that wait in queues of its channels'),
  errors: z.int().min(0).describe('messages in its error store that nobody has dealt with'),
  by: z.string().min(1).describe('who read it'),
  at: z.iso.datetime({ offset: true }).describe('when'),
  source: z.string().min(1).describe('where it was read'),
});

const apiSchema = z.strictObject({
  platform: z.enum(PLATFORMS),
  api: z.enum(['mirth']).describe('of Mirth Connect and Open Integration Engine'),
  url: z.url({ protocol: /^https?$/ }).describe('up to /api'),
  user: z.string().min(1).describe('one who may view channels and messages, and nothing else'),
  passwordEnv: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/, 'write the name of an environment variable that holds it, never the password itself')
    .describe('the environment variable that holds the password'),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe('its own certificate, beside this file, where no public authority has signed it'),
  channels: z.array(z.string().min(1)).min(1).optional().describe('by name; without it all that the engine has'),
});
export type EngineApi = z.output<typeof apiSchema>;

export const attestationSchema = z
  .strictObject({
    engines: z.array(attestedSchema).default([]).describe('as somebody has read them'),
    read: z.array(apiSchema).default([]).describe('to be read from the engine by the verb itself'),
  })
  .refine(({ engines, read }) => engines.length + read.length > 0, 'it names no engine: `engines` or `read`');

export function attestationJsonSchema(): object {
  return z.toJSONSchema(attestationSchema, { io: 'input' });
}
