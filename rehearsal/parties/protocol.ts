/** What the scenario tells a party process and what that answers, over child_process IPC: one reply per request id. */
import { z } from 'zod';
import { receivedMessageSchema, sentMessageSchema } from './records.ts';

export const ROLES = ['emr', 'lis', 'legacy', 'new'] as const;
export type Role = (typeof ROLES)[number];

export const FAULTS = ['drift', 'slow', 'nak', 'drop', 'duplicate', 'down'] as const;
export type PartyFault = (typeof FAULTS)[number];

const direction = z.enum(['orders', 'results']);

const sourceSchema = z.object({
  feed: z.string(),
  port: z.int(),
  ackTimeoutMs: z.int(),
  targets: z.array(z.object({ connection: z.string(), direction, index: z.int(), facility: z.string() })),
  /** Its platforms answer with a commit, and acknowledge later. */
  defersAcknowledgement: z.boolean(),
});
/** Writes rows into a table, where no message comes through a feed. */
const writerSchema = z.object({
  table: z.string(),
  target: z.object({ connection: z.string(), direction, index: z.int(), facility: z.string() }),
});
const destinationSchema = z.object({ connection: z.string(), port: z.int() });
const channelSchema = z.object({
  feed: z.string(),
  port: z.int(),
  answers: z.enum(['storage', 'destination']),
  latencyMs: z.number(),
  jitterMs: z.number(),
  regeneratesControlId: z.boolean(),
  answerTimeoutMs: z.int(),
  defersAcknowledgement: z.boolean(),
  outputs: z.array(z.object({ connection: z.string(), facility: z.string().nullable(), legPort: z.int() })),
});

const pollerSchema = z.object({
  table: z.string(),
  connection: z.string(),
  legPort: z.int(),
  answerTimeoutMs: z.int(),
});

export const configurationSchema = z.object({
  seed: z.string(),
  /** The user's own messages instead of generated ones. */
  messagesFolder: z.string().nullable(),
  /** Where channels keep what they have taken, over a kill; null: nowhere. */
  queueFolder: z.string().nullable(),
  sources: z.array(sourceSchema),
  destinations: z.array(destinationSchema),
  channels: z.array(channelSchema),
  writers: z.array(writerSchema),
  pollers: z.array(pollerSchema),
});
export type Configuration = z.output<typeof configurationSchema>;

export const requestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('configure'), configuration: configurationSchema }),
  z.object({ type: z.literal('start'), ratePerSecond: z.number() }),
  z.object({ type: z.literal('pause') }),
  z.object({ type: z.literal('resume') }),
  z.object({ type: z.literal('drain'), withinMs: z.int() }),
  z.object({ type: z.literal('begin-window') }),
  z.object({ type: z.literal('end-window') }),
  z.object({ type: z.literal('fault'), fault: z.enum(FAULTS), on: z.boolean() }),
  /** What polls for these connections runs, or stops with nothing of it on its way. */
  z.object({ type: z.literal('poll'), connections: z.array(z.string()), on: z.boolean() }),
  z.object({ type: z.literal('progress') }),
  z.object({ type: z.literal('report') }),
  // Questions about a few messages, under load: a report of everything would keep the party from its sockets for seconds.
  z.object({
    type: z.literal('keys-of'),
    messages: z.array(z.object({ connection: z.string(), controlId: z.string() })),
  }),
  z.object({
    type: z.literal('have-arrived'),
    messages: z.array(z.object({ connection: z.string(), keys: z.array(z.string()) })),
  }),
  z.object({ type: z.literal('stop') }),
]);
export type Request = z.output<typeof requestSchema>;

export const replySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('done') }),
  z.object({
    type: z.literal('ready'),
    /** Feed or connection → port that the party listens on. */
    ports: z.record(z.string(), z.int()),
    /** Own messages read, per direction; 0 means generated ones. */
    ownMessages: z.object({ orders: z.int(), results: z.int(), skipped: z.int() }),
  }),
  z.object({ type: z.literal('window'), pauses: z.array(z.object({ feed: z.string(), pauseMs: z.number() })) }),
  z.object({
    type: z.literal('progress'),
    accepted: z.int(),
    received: z.int(),
    pending: z.int(),
    /** Messages that the faults switched on have struck so far. */
    struck: z.int(),
    /** The fewest messages that any one connection had accepted. */
    fewestAccepted: z.int(),
  }),
  /** Of each message asked about, in the same order: what its destinations know it by. */
  z.object({ type: z.literal('keys'), keys: z.array(z.array(z.string())) }),
  z.object({ type: z.literal('arrived'), arrived: z.array(z.boolean()) }),
  z.object({
    type: z.literal('report'),
    sent: z.record(z.string(), z.array(sentMessageSchema)),
    received: z.record(z.string(), z.array(receivedMessageSchema)),
    misanswered: z.int(),
    /** Some of them in words: feed, MSH-10 and what came. */
    misanswers: z.array(z.string()),
    /** Application acknowledgements that came after a commit, and those that did not come. */
    deferred: z.int(),
    deferredMissing: z.int(),
  }),
]);
export type Reply = z.output<typeof replySchema>;

export const envelopeSchema = z.object({ id: z.int(), request: requestSchema });
export const replyEnvelopeSchema = z.union([
  z.object({ id: z.int(), reply: replySchema }),
  z.object({ id: z.int(), failed: z.string() }),
]);
