/** Queue and error-store counts of both platforms, as somebody read them: messages that never reached a leg may wait there. */
import { z } from 'zod';
import { PLATFORMS } from '../platform.ts';

export const attestationSchema = z.strictObject({
  engines: z
    .array(
      z.strictObject({
        platform: z.enum(PLATFORMS),
        queued: z.int().min(0).describe('messages that wait in queues of its channels'),
        errors: z.int().min(0).describe('messages in its error store that nobody has dealt with'),
        by: z.string().min(1).describe('who read it'),
        at: z.iso.datetime({ offset: true }).describe('when'),
        source: z.string().min(1).describe('where it was read'),
      }),
    )
    .min(1),
});

export function attestationJsonSchema(): object {
  return z.toJSONSchema(attestationSchema, { io: 'input' });
}
