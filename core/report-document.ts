/** The sign-off pack as data: what `report --json` prints, and what its HTML and CSV are made from. Null: not known. */
import { z } from 'zod';
import { criterionSchema } from './gate/gate-document.ts';
import { raidItemSchema } from './gate/raid.ts';
import { MEASURES } from './planning/charter.ts';

const count = z.int().nullable();

export const reportConnectionSchema = z.object({
  name: z.string(),
  practice: z.string(),
  direction: z.enum(['orders', 'results']),
  wave: z.string(),
  origin: z.enum(['feed', 'platform']).describe('platform: without a feed; nothing is received or compared for it'),
  phase: z.string().nullable(),
  control: z.string().nullable(),
  epoch: count,
  received: count,
  accepted: count,
  delivered: count,
  deliveredByLegacy: count.describe('outputs of legacy that were delivered: before the switch, and after a rollback'),
  deliveredByNew: count,
  destinationRejected: count,
  maybeSent: count,
  decisions: count.describe('that still wait for a person'),
  longestPauseMs: z.number().nullable().describe('that a sender felt in a swap of it'),
  pairs: count.describe('compared in the present epoch'),
  matched: count,
  byRule: count.describe('pairs whose differences have a rule'),
  rules: z.array(z.string()).describe('these rules'),
  open: count.describe('pairs with differences that no rule accepts, or without a counterpart'),
  approval: z.string().nullable().describe('digest that the newest move towards new names'),
  signoff: z.string().nullable().describe('digest of the newest sign-off on file that names it'),
  signedOffBy: z.array(z.string()).describe('whose signatures of it are valid'),
  movedBy: z.string().nullable(),
  movedAt: z.string().nullable(),
  openPoints: z.array(z.string()).describe('why it is not signed off as it stands'),
});
export type ReportConnection = z.output<typeof reportConnectionSchema>;

const signedSchema = z.object({
  digest: z.string(),
  kind: z.enum(['approval', 'sign-off']),
  target: z.string(),
  connections: z.int(),
  evidence: z.string(),
  notBefore: z.string(),
  notAfter: z.string(),
  signedBy: z.array(z.string()).describe('people whose signatures are valid by the signers on this machine'),
  missing: z.array(z.string()).describe('roles that nobody has signed for'),
});
export type ReportSigned = z.output<typeof signedSchema>;

export const reportDocumentSchema = z.object({
  ok: z.boolean().describe('nothing is open, every criterion that is measured is met, and nothing is unknown'),
  exitCode: z.int(),
  deployment: z.string(),
  stack: z.string(),
  selection: z.string(),
  madeAt: z.string(),
  madeBy: z.string(),
  charter: z
    .object({ purpose: z.string(), scope: z.string().nullable(), sponsor: z.string().nullable() })
    .nullable()
    .describe('of programme.yaml'),
  success: z.array(
    z.object({
      text: z.string(),
      measure: z.enum(MEASURES).nullable(),
      verdict: z.enum(['met', 'not-met', 'not-known', 'by-a-person']),
      measured: z.string(),
    }),
  ),
  connections: z.array(reportConnectionSchema),
  timeline: z.array(
    z.object({
      at: z.string(),
      connection: z.string(),
      epoch: z.int(),
      became: z.string(),
      by: z.string(),
      reason: z.string().nullable(),
      approval: z.string().nullable(),
      digest: z.string().describe("of the gateway's hash-linked epoch record"),
    }),
  ),
  night: z
    .array(
      z.object({
        entry: z.int(),
        at: z.string(),
        kind: z.string(),
        verb: z.string(),
        by: z.string(),
        host: z.string(),
        reason: z.string().nullable(),
        changeId: z.string().nullable(),
        outcome: z.string(),
        digest: z.string(),
      }),
    )
    .nullable()
    .describe('what the ledger has of runs and decisions; null: no ledger was read'),
  gate: z
    .object({
      digest: z.string(),
      at: z.string(),
      expiresAt: z.string(),
      verdict: z.string(),
      criteria: z.array(criterionSchema),
    })
    .nullable()
    .describe('the newest frozen verdict'),
  signed: z.array(signedSchema).describe('approvals and sign-offs on file that name a connection of the selection'),
  rules: z.array(
    z.object({
      name: z.string(),
      path: z.string(),
      kind: z.string(),
      reason: z.string(),
      owner: z.string(),
      approver: z.string().nullable(),
      expires: z.string(),
      connections: z.int().describe('of the selection, in which it has accepted something'),
      differences: z.int(),
    }),
  ),
  raid: z.array(raidItemSchema).nullable().describe('null: there is no raid.yaml'),
  checkpoint: z
    .object({ file: z.string(), at: z.string(), length: z.int(), head: z.string(), isSigned: z.boolean() })
    .nullable()
    .describe('the newest of the ledger; null: none'),
  verify: z.array(z.string()).describe('commands that check what stands here'),
  notKnown: z.array(z.string()).describe('sources that did not answer or are not configured'),
  html: z.string(),
  csv: z.string(),
});
export type ReportDocument = z.output<typeof reportDocumentSchema>;

export function reportJsonSchema(): object {
  return z.toJSONSchema(reportDocumentSchema);
}
