/**
 * The gateway's admin API as data: one schema per document, shared by the gateway, the client, the provider and the
 * verbs. Paths and status codes are in docs/interfaces.md. No document carries message content.
 */
import { z } from 'zod';
import { MAX_NEW_WEIGHT } from './connection.ts';
import { CHANGE_OVERS, type Origin, PHASES, PLATFORMS } from './platform.ts';

export const API_VERSION = 1;

/** What people and programs say in their own words: it is hashed, kept in databases and printed, so it has to be text. */
const words = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u, 'text without control characters');

/** How a connection's swap stands. */
export const STATES = [
  'steady',
  'catching-up',
  'holding',
  'draining',
  'committing',
  'settling',
  'reowning',
  'held',
  'fenced',
] as const;
export type State = (typeof STATES)[number];

export const messageIdSchema = z.strictObject({
  msh10: z.string(),
  sha256: z.string().length(12).describe('first 12 hex digits of the frame'),
  at: z.string().describe('shard/offset in the journal'),
});
/** Names a message without its content. */
export type MessageId = z.output<typeof messageIdSchema>;

export const infoSchema = z.object({
  apiVersion: z.literal(API_VERSION),
  version: z.string(),
  deployment: z.string(),
  shard: z.int(),
  incarnation: z.string().describe('random, made by `gateway init`'),
  target: z.enum(['local', 'production']),
  startedAt: z.string(),
  inventoryDigest: z.string().describe('of the inventory as this gateway reads it'),
  feeds: z.record(z.string(), z.int()).describe('feed name → port that it listens on'),
  legs: z.record(z.string(), z.strictObject({ legacy: z.int(), new: z.int() })),
  connections: z.int(),
  you: z
    .object({ name: z.string(), role: z.string() })
    .optional()
    .describe('whose credential asked; its name is the operator of moves made with it'),
});
export type Info = z.output<typeof infoSchema>;

export const countersSchema = z.object({
  received: z.int().describe('frames admitted from the source'),
  accepted: z.int().describe('inputs that the primary answered positively'),
  rejected: z.int().describe('inputs that the primary answered negatively'),
  unanswered: z.int(),
  answeredAgain: z.int(),
  refused: z.int().describe('frames refused by the gateway itself'),
  outputs: z.int().describe('outputs received on both legs'),
  delivered: z.int().describe('outputs that the destination answered positively'),
  destinationRejected: z.int(),
  captured: z.int(),
  parked: z.int(),
  suppressed: z.int(),
  maybeSent: z.int(),
  shadowed: z.int().describe('shadow copies that the other platform answered positively'),
  shadowRejected: z.int(),
  sequenceGaps: z
    .int()
    .default(0)
    .describe('times that the MSH-13 of a sender of the feed skipped at least one number; absent: an older gateway'),
});
export type Counters = z.output<typeof countersSchema>;

export function noCounters(): Counters {
  return {
    received: 0,
    accepted: 0,
    rejected: 0,
    unanswered: 0,
    answeredAgain: 0,
    refused: 0,
    outputs: 0,
    delivered: 0,
    destinationRejected: 0,
    captured: 0,
    parked: 0,
    suppressed: 0,
    maybeSent: 0,
    shadowed: 0,
    shadowRejected: 0,
    sequenceGaps: 0,
  };
}

export const observedSchema = z.object({
  epoch: z.int(),
  deliveredFrom: z.enum(PLATFORMS).describe('the platform whose output was the newest delivered in this epoch'),
  at: z.string(),
});

export const readinessSchema = z
  .object({
    lastLegacyMatch: z
      .string()
      .nullable()
      .describe("when legacy's output for an input was last captured; null: not since the gateway started"),
    legacyRejects: z.int().describe('shadow messages that legacy did not take since the switch'),
    certificateDays: z
      .number()
      .nullable()
      .describe("until the first of the gateway's own certificates ends; null: none"),
    diskFreeBytes: z.int().nullable().describe('where captures are kept; null: not known'),
    shadowGap: z
      .object({
        platform: z.enum(PLATFORMS).describe('which did not get them'),
        from: z.string().describe('the first: shard/offset'),
        to: z.string().describe('the last: shard/offset'),
        count: z.int().describe('messages of the feed'),
        epoch: z.int().describe('of the connection when it began'),
        since: z.string(),
        at: z.string().describe('when it last grew'),
      })
      .nullable()
      .optional()
      .describe('messages whose copies were given up on a full disk, until the decision `shadow-gap` is resolved'),
  })
  .describe('what a way back rests on, beside shadowLag');

export const stopAttestationSchema = z.object({
  platform: z.enum(PLATFORMS).describe('what is stopped'),
  by: z.string().describe('who says so'),
  recordedBy: z.string().describe('the credential that has told the gateway'),
  evidence: z.string().nullable().describe('digest of the frozen attestation'),
  epoch: z.int().describe('in which it was attested'),
  at: z.string().describe("by the gateway's clock"),
});
/** That a platform makes no output of a connection without a feed any more, which only a person can know. */
export type StopAttestation = z.output<typeof stopAttestationSchema>;

export const stopRequestSchema = z.strictObject({
  platform: z.enum(PLATFORMS),
  by: words(200).min(1),
  evidence: words(200).optional(),
});
export type StopRequest = z.output<typeof stopRequestSchema>;

const originSideSchema = z.object({
  heardAt: z.string().nullable().describe('when it has sent last; null: never'),
  stopped: stopAttestationSchema.nullable().describe('null: nobody has attested it since it has sent last'),
  refused: z
    .int()
    .describe('messages that it has sent without owning the connection, refused, since it was attested to be stopped'),
});
const platformOriginSchema = z
  .object({ legacy: originSideSchema, new: originSideSchema })
  .describe('only of a connection with origin: platform');
export type PlatformOriginStatus = z.output<typeof platformOriginSchema>;

export const connectionStatusSchema = z.object({
  name: z.string(),
  feed: z.string().nullable().describe('null: it has none (origin: platform)'),
  phase: z.enum(PHASES),
  control: z.enum(PLATFORMS),
  candidate: z.enum(PLATFORMS).nullable(),
  primary: z.enum(PLATFORMS).describe('of its feed; without one its control'),
  newWeight: z.int(),
  epoch: z.int(),
  state: z.enum(STATES),
  inFlight: z.int(),
  owedOutputs: z.int(),
  shadowLag: z.int().describe('messages'),
  rollbackReady: z.object({ ready: z.boolean(), reasons: z.array(z.string()) }),
  readiness: readinessSchema.optional(),
  decisions: z.int().describe('open entries of the decision list'),
  changeOver: z.enum(CHANGE_OVERS).optional().describe('how its swaps change the owner'),
  correlation: z
    .object({ grade: z.enum(['exact', 'keyed', 'fifo', 'none']), reason: z.string() })
    .optional()
    .describe('how well its outputs are told apart by their inputs, as measured'),
  changed: z.object({ by: z.string(), at: z.string(), reason: z.string().nullable() }),
  observed: observedSchema.nullable().describe('null: not yet proven in this epoch'),
  platformOrigin: platformOriginSchema.optional(),
  counters: countersSchema,
});
export type ConnectionStatus = z.output<typeof connectionStatusSchema>;

/** What makes the outputs of the connection, as its gateway has it. */
export function originIn({ platformOrigin }: Pick<ConnectionStatus, 'platformOrigin'>): Origin {
  return platformOrigin === undefined ? 'feed' : 'platform';
}

export const approvalSchema = z.object({
  document: z.string().describe('the canonical JSON itself'),
  signatures: z.array(z.string()).describe('detached OpenSSH signatures'),
});

export const routeRequestSchema = z.strictObject({
  requestId: words(100).min(1),
  phase: z.enum(PHASES),
  newWeight: z.int().min(0).max(MAX_NEW_WEIGHT).default(0),
  expectedEpoch: z.int().min(1),
  notAfter: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('by the clock of the gateway; later it is refused unstarted'),
  deadlineMs: z.int().min(1).max(3_600_000).default(60_000),
  approval: approvalSchema.optional(),
  reason: words(500).optional(),
  changeId: words(200).optional(),
  origin: z.enum(['verb', 'pulumi', 'api']).default('api'),
  force: z.boolean().default(false).describe('rollback only: commit at once, re-own what the other platform owes'),
});
export type RouteRequest = z.output<typeof routeRequestSchema>;
export type RouteRequestInput = z.input<typeof routeRequestSchema>;

export const routeResponseSchema = z.object({
  epoch: z.int(),
  phase: z.enum(PHASES),
  newWeight: z.int(),
  control: z.enum(PLATFORMS),
  pauseMs: z
    .number()
    .describe('longest time from a held message to its answer, as its sender felt it; 0: nothing was held'),
  heldMessages: z.int(),
  inFlightAtHold: z.int(),
  drainedAt: z.string().nullable(),
  alreadyThere: z.boolean().optional(),
  aborted: z.boolean().optional(),
  reason: z.string().optional(),
});
export type RouteResponse = z.output<typeof routeResponseSchema>;

/** Every answer that is not 2xx. */
export const apiErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  connection: z.string().optional(),
  epoch: z.int().optional().describe('with stale-epoch: the epoch that the connection has'),
  reason: z.string().optional().describe('with approval-missing and approval-invalid: what exactly, as a word'),
  next: z.array(z.string()).default([]),
});
export type ApiError = z.output<typeof apiErrorSchema>;

/** One committed change of a connection's route, hash-linked to the one before. */
export const epochRecordSchema = z.object({
  connection: z.string(),
  epoch: z.int(),
  phase: z.enum(PHASES),
  newWeight: z.int(),
  verb: z.string(),
  by: z.string().describe('the credential that made it'),
  origin: z.enum(['verb', 'pulumi', 'api', 'init']),
  requestId: z.string(),
  reason: z.string().nullable(),
  changeId: z.string().nullable(),
  approval: z.string().nullable(),
  forced: z.boolean(),
  outputsFrom: z.literal('platform').exactOptional().describe('of a connection without a feed; absent: it has one'),
  attested: stopAttestationSchema
    .exactOptional()
    .describe('that the former owner was stopped, where this moves such a one'),
  at: z.string(),
  previous: z.string().describe('digest of the record before, of this connection; empty for epoch 1'),
  digest: z.string(),
});
export type EpochRecord = z.output<typeof epochRecordSchema>;

/** Of one connection, in one look at all of them: its newest record, and what the request that made it was answered. */
export const newestEpochSchema = z.object({
  record: epochRecordSchema,
  answer: routeResponseSchema.nullable().describe('null: not remembered, or made by `gateway init`'),
});
export type NewestEpoch = z.output<typeof newestEpochSchema>;

/** A move that the gateway refused for want of a valid approval or sign-off. */
export const refusedMoveSchema = z.object({
  connection: z.string(),
  requestId: z.string(),
  by: z.string().describe('the credential that asked for it'),
  origin: z.enum(['verb', 'pulumi', 'api']),
  phase: z.enum(PHASES),
  newWeight: z.int(),
  expectedEpoch: z.int(),
  code: z.enum(['approval-missing', 'approval-invalid']),
  reason: z.string(),
  approval: z.string().nullable().describe('digest of the document, where it could be read'),
  at: z.string(),
});
export type RefusedMove = z.output<typeof refusedMoveSchema>;

export const leaseRequestSchema = z.strictObject({
  holder: words(200).min(1).describe('random, one per running verb'),
  host: words(200),
  operator: words(200),
  verb: words(50),
  /** Renewals carry the same holder; the lease ends this long after the last one. */
  ttlMs: z.int().min(1000).max(60_000).default(30_000),
});
export const leaseSchema = leaseRequestSchema
  .omit({ ttlMs: true })
  .extend({ since: z.string(), expiresAt: z.string() });
export type Lease = z.output<typeof leaseSchema>;

export const LIST_NAMES = [
  'maybeSent',
  'answeredAgain',
  'parked',
  'suppressed',
  'uncorrelated',
  'rejected',
  'stray',
  'refused',
] as const;
export type ListName = (typeof LIST_NAMES)[number];

export const listEntrySchema = z.object({ id: messageIdSchema, cause: z.string(), epoch: z.int(), at: z.string() });
export type ListEntry = z.output<typeof listEntrySchema>;

export const decisionSchema = z.object({
  id: z.string(),
  connection: z.string(),
  cause: z.string(),
  input: messageIdSchema.nullable(),
  /** Captured outputs that `resolve --deliver` would send, in order. */
  proposals: z.array(messageIdSchema),
  openedAt: z.string(),
  resolved: z
    .object({ action: z.enum(['deliver', 'discard']), by: z.string(), reason: z.string(), at: z.string() })
    .nullable(),
});
export type OpenDecision = z.output<typeof decisionSchema>;

export const resolveRequestSchema = z.strictObject({
  action: z.enum(['deliver', 'discard']),
  reason: words(500).min(1),
});

/** The one line that `cutover gateway` prints on stdout when it serves. */
export const readySchema = z.object({
  ready: z.literal(true),
  adminPort: z.int(),
  feeds: z.record(z.string(), z.int()),
  connections: z.int(),
});
