/** What `import --json` prints: every connector that was there and what became of it, and what a person must decide. */
import { z } from 'zod';

const place = z.object({ file: z.string(), line: z.int().describe('0: no line of it') });
const drift = z.object({
  name: z.string(),
  path: z.string(),
  was: z.json(),
  is: z.json(),
});

export const importDocumentSchema = z.object({
  ok: z.boolean().describe('every connector was taken or left out on purpose; with --check: nothing has drifted'),
  exitCode: z.int(),
  inventory: z.string(),
  wrote: z.boolean(),
  sources: z.array(
    z.object({
      file: z.string(),
      kind: z.string(),
      counted: z.int().describe('connectors or rows, counted while reading'),
      accounted: z.int().describe('of them in `accounts`; always the same number'),
      notLookedAt: z.array(z.object({ what: z.string(), count: z.int(), line: z.int() })),
    }),
  ),
  accounts: z.array(
    z.object({
      place,
      channel: z.string(),
      connector: z.string(),
      kind: z.string(),
      outcome: z.enum(['taken', 'decision', 'left-out']),
      as: z.string().nullable(),
      reason: z.string().nullable(),
      remedy: z.string().nullable(),
      facts: z.record(z.string(), z.string()),
    }),
  ),
  questions: z.array(z.object({ code: z.string(), place, about: z.string(), message: z.string(), remedy: z.string() })),
  changes: z.object({
    added: z.array(z.string()),
    updated: z.array(drift),
    kept: z.array(z.object({ name: z.string(), path: z.string(), legacyChanged: z.boolean() })),
    gone: z.array(z.string()).describe('no longer in what was imported; they stay in the inventory'),
    removed: z.array(z.string()).describe('taken out of the inventory by hand; they stay out'),
    unwritable: z.array(drift).describe('changed at legacy, and without a place in the inventory: write them by hand'),
  }),
  nextSteps: z.array(z.string()),
});
export type ImportDocument = z.output<typeof importDocumentSchema>;

export function importDocumentJsonSchema(): object {
  return z.toJSONSchema(importDocumentSchema);
}
