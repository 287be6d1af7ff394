/**
 * The documents that verbs print with --json, one schema each: others build on them, so they are published and stay
 * stable. A document never carries message content or credentials.
 */
import { z } from 'zod';
import { readinessSchema } from './admin-api.ts';
import { approvalDocumentSchema } from './approval-document.ts';
import { compareDocumentSchema, compareModeDocumentSchema } from './compare-document.ts';
import { drillDocumentSchema } from './drill-document.ts';
import { TARGETS } from './edge/path.ts';
import { gateDocumentSchema } from './gate/gate-document.ts';
import { handoverSchema } from './gate/handover.ts';
import { raidItemSchema, raidSchema } from './gate/raid.ts';
import { importDocumentJsonSchema } from './import/import-document.ts';
import { programmePlanJsonSchema } from './planning/plan-document.ts';
import { PHASES, PLATFORMS } from './platform.ts';
import { reconcileDocumentSchema, verifyDocumentSchema } from './reconcile/document.ts';
import { rehearsalSchema } from './rehearsal-document.ts';
import { reportJsonSchema } from './report-document.ts';

const nextSteps = z.array(z.string()).describe('what to do next, as commands where there is one');
const warnings = z.array(z.string());
const exitCode = z.int().describe('0 done, 1 failed, 2 usage, 3 refused, 4 partly, 130 interrupted');

export const routeSchema = z.object({ phase: z.enum(PHASES), newWeight: z.int(), epoch: z.int() });

export const truthSchema = z.object({
  config: routeSchema.nullable().describe('the entry in the stack file'),
  pulumi: routeSchema.nullable().describe('the Route in the Pulumi state'),
  gateway: routeSchema.nullable().describe('the route at the gateway'),
  observed: z
    .enum([...PLATFORMS, 'not-yet-proven', 'unknown'])
    .describe('the platform whose output was the newest delivered in this epoch'),
  agree: z.boolean().nullable().describe('null: nothing disagrees, but not everything is known or proven'),
});

export const failureSchema = z.object({ code: z.string(), message: z.string(), next: nextSteps });

export const connectionLineSchema = z.object({
  name: z.string(),
  practice: z.string(),
  direction: z.enum(['orders', 'results']),
  wave: z.string(),
  phase: z.enum(PHASES).nullable().describe('null: its gateway could not be asked'),
  control: z.enum(PLATFORMS).nullable(),
  epoch: z.int().nullable(),
  state: z.string().nullable(),
  newWeight: z.int().nullable(),
  shadowLag: z.int().nullable().describe('messages'),
  rollbackReady: z.object({ ready: z.boolean(), reasons: z.array(z.string()) }),
  stranger: z
    .string()
    .nullable()
    .optional()
    .describe('of a connection with origin: platform: that a platform sends which does not own it, which is red'),
  readiness: readinessSchema.nullable().optional().describe('null: its gateway could not be asked, or is an older one'),
  truth: truthSchema,
  path: z
    .enum(TARGETS)
    .nullable()
    .optional()
    .describe(
      'where its feed leads new connections, as the edge file has it (insert and remove write there what they read back); gateway also where the gateway dials the sender; null: this stack has no edge, senders connect to the gateway itself',
    ),
});
export type ConnectionLine = z.output<typeof connectionLineSchema>;

const morningSchema = z
  .object({
    connections: z.array(
      z.object({
        name: z.string(),
        practice: z.string(),
        direction: z.enum(['orders', 'results']),
        since: z.string().describe('its switch'),
        pauseMs: z.number().nullable(),
        received: z.int(),
        delivered: z.int(),
        destinationRejected: z.int(),
        rejected: z.int(),
        unanswered: z.int(),
        parked: z.int(),
        maybeSent: z.int(),
        decisions: z.int(),
        proven: z.boolean(),
      }),
    ),
    roster: z.array(z.object({ wave: z.string(), name: z.string(), role: z.string(), phone: z.string() })),
  })
  .describe('with --morning: counts since the switch, and who is called');

export const statusDocumentSchema = z.object({
  ok: z.boolean().describe('everything selected is known, agrees and is steady'),
  connections: z.array(connectionLineSchema),
  waivers: z
    .array(
      z.object({
        criterion: z.string(),
        connections: z.array(z.string()),
        by: z.string(),
        reason: z.string(),
        notAfter: z.string(),
      }),
    )
    .describe('criteria of the gate that somebody has given up for selected connections, and until when'),
  onWatch: z
    .array(z.object({ practice: z.string(), unproven: z.array(z.string()), directions: z.array(z.string()) }))
    .optional()
    .describe('practices of which not every switched connection has delivered a real message, orders and results'),
  stops: z
    .array(z.object({ name: z.string(), rule: z.string(), reason: z.string() }))
    .optional()
    .describe('what says, since its switch, that a connection has to go back'),
  sharedCause: z
    .string()
    .nullable()
    .optional()
    .describe('the stop rule of most of them: a reason to take the wave back'),
  morning: morningSchema.optional(),
  nextSteps,
  error: failureSchema.optional(),
});
export type StatusDocument = z.output<typeof statusDocumentSchema>;

export const refusedSchema = failureSchema.extend({
  name: z.string().nullable().describe('null: it concerns the whole verb'),
});

export const changedSchema = z.object({
  name: z.string(),
  from: routeSchema,
  to: routeSchema,
  epoch: z.int(),
  pauseMs: z.number().nullable().describe('as its sender felt it; null: not told'),
  heldMessages: z.int().nullable(),
  truth: truthSchema,
});
export type Changed = z.output<typeof changedSchema>;

export const planStepSchema = z.object({
  kind: z.string(),
  what: z.string(),
  connections: z.int(),
  pointOfNoReturn: z.boolean(),
  reversible: z.boolean(),
});

export const planDocumentSchema = z.object({
  order: z.enum(['pulumi-first', 'gateways-first']),
  moves: z.array(z.object({ name: z.string(), verb: z.string(), from: routeSchema, to: routeSchema })),
  behind: z.array(z.string()).describe('records of these are brought up to their gateways'),
  steps: z.array(planStepSchema),
});

export const moveDocumentSchema = z.object({
  verb: z.string(),
  ok: z.boolean(),
  exitCode,
  dryRun: z.boolean(),
  stack: z.string().nullable(),
  changed: z.array(changedSchema),
  refused: z.array(refusedSchema),
  aborted: z
    .array(z.object({ name: z.string(), message: z.string() }))
    .describe('given up by the gateway before the point of no return'),
  failed: z.array(refusedSchema),
  alreadyThere: z.array(z.object({ name: z.string(), route: routeSchema })),
  synced: z.array(z.string()).describe('records of these were behind their gateways and were brought up'),
  onWatch: z.array(z.string()).describe('moved, and no message of the new epoch has proven it yet'),
  plan: planDocumentSchema.optional(),
  ledger: z.enum(['recorded', 'not configured', 'behind', 'not needed']),
  warnings,
  nextSteps,
  error: failureSchema.optional(),
  wallMs: z.int(),
  timings: z
    .array(z.object({ step: z.string(), wallMs: z.int() }))
    .optional()
    .describe('what the run spent its time on, in order'),
});
export type MoveDocument = z.output<typeof moveDocumentSchema>;

export const historyDocumentSchema = z.object({
  ok: z.boolean(),
  entries: z.array(
    z.object({
      connection: z.string(),
      epoch: z.int(),
      phase: z.enum(PHASES),
      newWeight: z.int(),
      verb: z.string(),
      by: z.string(),
      origin: z.string(),
      reason: z.string().nullable(),
      changeId: z.string().nullable(),
      approval: z.string().nullable(),
      forced: z.boolean(),
      at: z.string(),
      inLedger: z.boolean().nullable().describe('null: no ledger was read'),
    }),
  ),
  nextSteps,
  warnings,
  error: failureSchema.optional(),
});
export type HistoryDocument = z.output<typeof historyDocumentSchema>;

export const actionDocumentSchema = z.object({
  verb: z.string(),
  ok: z.boolean(),
  exitCode,
  done: z.array(z.object({ name: z.string(), message: z.string() })),
  failed: z.array(refusedSchema),
  decisions: z
    .array(
      z.object({ id: z.string(), connection: z.string(), cause: z.string(), openedAt: z.string(), proposals: z.int() }),
    )
    .optional(),
  nextSteps,
  error: failureSchema.optional(),
});
export type ActionDocument = z.output<typeof actionDocumentSchema>;

const pathRefusedSchema = failureSchema.extend({ feed: z.string() });
const pathMoveSchema = z.object({
  feed: z.string(),
  connections: z.array(z.string()).describe('all that the feed serves'),
  from: z.string().describe('gateway, direct to legacy or direct to new'),
  to: z.string(),
});

/** Of `handover`. */
export const handoverDocumentSchema = z.object({
  verb: z.literal('handover'),
  ok: z.boolean().describe('every party is named in the inventory, and nothing in handover.yaml is open'),
  exitCode,
  deployment: z.string(),
  connections: z.int(),
  missing: z.array(
    z.object({ connection: z.string(), parties: z.array(z.string()).describe('nobody is named for them') }),
  ),
  withoutEdgeCases: z.int().describe('connections for which no edge case is written down; there may be none'),
  records: z
    .object({
      file: z.string(),
      open: z.array(z.object({ area: z.string(), what: z.string(), owner: z.string() })),
      withoutEvidence: z.array(z.string()).describe('done, without a place where it can be looked up'),
      onCall: z
        .array(
          z.object({
            team: z.string(),
            from: z.string().nullable(),
            people: z.array(z.string()),
            backup: z.array(z.string()),
            backupUntil: z.string().nullable(),
          }),
        )
        .describe('by team'),
    })
    .nullable()
    .describe('of handover.yaml; null: there is none'),
  lastAlert: z
    .object({ by: z.string(), at: z.string(), isOnCall: z.boolean().nullable() })
    .nullable()
    .describe('the newest synthetic alert that somebody acknowledged'),
  pack: z.object({ folder: z.string(), files: z.int() }).nullable().describe('null: none was asked for'),
  warnings,
  nextSteps,
  error: failureSchema.optional(),
});
export type HandoverDocument = z.output<typeof handoverDocumentSchema>;

/** Of `insert` and `remove`. */
export const pathDocumentSchema = z.object({
  verb: z.string(),
  ok: z.boolean(),
  exitCode,
  dryRun: z.boolean(),
  stack: z.string().describe('the edge stack'),
  plan: z.array(pathMoveSchema),
  changed: z.array(pathMoveSchema).describe('read back from the load balancer, weight 0 of the other targets included'),
  alreadyThere: z.array(z.object({ feed: z.string(), path: z.string() })),
  refused: z.array(pathRefusedSchema),
  failed: z.array(pathRefusedSchema),
  warnings,
  nextSteps,
  error: failureSchema.optional(),
});
export type PathDocument = z.output<typeof pathDocumentSchema>;

export const doctorFindingSchema = z.object({
  check: z.string().describe('what was looked at, as a dotted name'),
  verdict: z.enum(['ok', 'warning', 'failed', 'not-checked']),
  message: z.string(),
  remedy: z.string().nullable(),
});
export type DoctorFinding = z.output<typeof doctorFindingSchema>;

export const doctorDocumentSchema = z.object({
  ok: z.boolean().describe('nothing failed; there can be warnings'),
  exitCode,
  findings: z.array(doctorFindingSchema),
  nextSteps,
  error: failureSchema.optional(),
});
export type DoctorDocument = z.output<typeof doctorDocumentSchema>;

export const approvalPrintedSchema = z.object({
  verb: z.enum(['approve', 'signoff']),
  ok: z.boolean(),
  exitCode,
  stack: z.string(),
  digest: z.string().describe('sha256: of the canonical document'),
  document: approvalDocumentSchema,
  evidence: z.object({ digest: z.string(), kind: z.string(), at: z.string() }),
  signedBy: z
    .array(z.object({ person: z.string(), roles: z.array(z.string()) }))
    .describe('whose signatures count, by the signers of this machine'),
  missing: z.array(z.string()).describe('roles that nobody has signed for'),
  complete: z.boolean().nullable().describe('null: there are no signers here to judge by'),
  file: z.string(),
  signature: z.string(),
  warnings,
  nextSteps,
  error: failureSchema.optional(),
});
export type ApprovalDocumentPrinted = z.output<typeof approvalPrintedSchema>;

export const auditDocumentSchema = z.object({
  verb: z.literal('audit'),
  action: z.enum(['export', 'verify']),
  ok: z.boolean(),
  exitCode,
  folder: z.string(),
  verdict: z.enum(['green', 'incomplete', 'red']).nullable().describe('null: an export is not judged'),
  entries: z.int(),
  completeUpTo: z.int().nullable().describe('the last entry that a signed checkpoint attests'),
  findings: z.array(
    z.object({
      check: z.string(),
      verdict: z.enum(['ok', 'warning', 'failed']),
      message: z.string(),
      entry: z.int().nullable(),
    }),
  ),
  warnings,
  nextSteps,
  error: failureSchema.optional(),
});
export type AuditDocument = z.output<typeof auditDocumentSchema>;

export const raidDocumentSchema = z.object({
  verb: z.literal('raid'),
  ok: z.boolean(),
  exitCode,
  stack: z.string(),
  file: z.string(),
  items: z.array(raidItemSchema),
  nextSteps,
  error: failureSchema.optional(),
});
export type RaidDocument = z.output<typeof raidDocumentSchema>;

/** What a verb prints that could not begin. */
export const errorDocumentSchema = z.object({
  verb: z.string().nullable(),
  ok: z.literal(false),
  exitCode,
  error: failureSchema,
  nextSteps,
});
export type ErrorDocument = z.output<typeof errorDocumentSchema>;

/** By file name, as published. */
export function documentJsonSchemas(): Readonly<Record<string, object>> {
  return {
    'status.schema.json': z.toJSONSchema(statusDocumentSchema),
    'move.schema.json': z.toJSONSchema(moveDocumentSchema),
    'history.schema.json': z.toJSONSchema(historyDocumentSchema),
    'action.schema.json': z.toJSONSchema(actionDocumentSchema),
    'handover.schema.json': z.toJSONSchema(handoverDocumentSchema),
    'path.schema.json': z.toJSONSchema(pathDocumentSchema),
    'compare.schema.json': z.toJSONSchema(compareDocumentSchema),
    'compare-mode.schema.json': z.toJSONSchema(compareModeDocumentSchema),
    'doctor.schema.json': z.toJSONSchema(doctorDocumentSchema),
    'drill.schema.json': z.toJSONSchema(drillDocumentSchema),
    'approval.schema.json': z.toJSONSchema(approvalPrintedSchema),
    'audit.schema.json': z.toJSONSchema(auditDocumentSchema),
    'reconcile.schema.json': z.toJSONSchema(reconcileDocumentSchema),
    'proof-verified.schema.json': z.toJSONSchema(verifyDocumentSchema),
    'gate.schema.json': z.toJSONSchema(gateDocumentSchema),
    'raid.schema.json': z.toJSONSchema(raidDocumentSchema),
    'raid-file.schema.json': z.toJSONSchema(raidSchema, { io: 'input' }),
    'handover-file.schema.json': z.toJSONSchema(handoverSchema, { io: 'input' }),
    'error.schema.json': z.toJSONSchema(errorDocumentSchema),
    'import.schema.json': importDocumentJsonSchema(),
    'plan.schema.json': programmePlanJsonSchema(),
    'report.schema.json': reportJsonSchema(),
    'rehearsal.schema.json': z.toJSONSchema(rehearsalSchema),
  };
}
