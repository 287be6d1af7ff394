/** What `compare --json` prints, and what it freezes as evidence. Ids, paths, classes and counts, never message content. */
import { z } from 'zod';
import { messageIdSchema } from './admin-api.ts';
import { DIFFERENCE_KINDS } from './compare/difference.ts';

const count = z.int();
const exampleIds = z.array(messageIdSchema);
const verdict = z.enum(['green', 'red']);

export const comparedDifferenceSchema = z.object({
  path: z.string().describe('`OBX-5`, `ZRP` for a whole segment; `destination`, `answer`, `delay`, `order`, `message`'),
  kind: z.string().describe(`${DIFFERENCE_KINDS.join(', ')}, missing-candidate, extra-candidate, missing-both`),
  code: z.string().nullable().describe('of the observation or order'),
  shape: z.string().describe('classes of the values, never the values'),
  count: count.describe('how often'),
  pairs: count.describe('in how many pairs'),
  rule: z.string().optional().describe('the diff rule that accepts it; absent: nobody has'),
  exampleIds,
});
export type ComparedDifference = z.output<typeof comparedDifferenceSchema>;

export const contractBreachSchema = z.object({
  name: z.string(),
  control: count,
  candidate: count,
  is: z.enum(['drift', 'habit', 'cured']).describe('of the candidate only, of both, of the control only'),
  exampleIds,
});
export type ContractBreach = z.output<typeof contractBreachSchema>;

export const comparedConnectionSchema = z.object({
  name: z.string(),
  practice: z.string(),
  direction: z.enum(['orders', 'results']),
  wave: z.string(),
  verdict,
  reasons: z.array(z.string()).describe('why it is red'),
  pairs: count,
  matched: count.describe('nothing differs, or only what rules accept'),
  accepted: count.describe('of the matched: those that rules accept'),
  differing: count,
  missingCandidate: count,
  extraCandidate: count,
  missingBoth: count.describe('neither platform sent an output; `reconcile` says what became of the input'),
  answersDiffering: count,
  outOfOrder: count,
  delayMs: z
    .object({ p50: z.number(), p99: z.number() })
    .nullable()
    .describe('upper ends of the buckets in which they lie; null: nothing was measured'),
  coverage: z.object({
    known: count.describe('types, segments, filled fields and codes that history shows'),
    seen: count,
    share: z.number().nullable().describe('null: there is no history'),
    unseen: z.array(z.string()).describe('at most 100'),
  }),
  contract: z
    .object({ name: z.string(), inspected: count, breaches: z.array(contractBreachSchema) })
    .nullable()
    .describe('null: the inventory names none'),
  grade: z
    .enum(['key', 'order', 'none'])
    .describe('how outputs are told apart: by `correlate`, by their order, or (many outputs) not at all'),
  since: z.string().nullable().describe('the last change that voids what was before: phase, rules, code'),
  days: z.array(z.object({ day: z.string(), pairs: count, amiss: count })).describe('UTC'),
  differences: z.array(comparedDifferenceSchema),
});
export type ComparedConnection = z.output<typeof comparedConnectionSchema>;

export const shapeSchema = comparedDifferenceSchema.extend({
  connections: count,
  on: z.array(z.string()).describe('at most 10'),
});
export type Shape = z.output<typeof shapeSchema>;

export const ruleExposureSchema = z.object({
  name: z.string(),
  path: z.string(),
  kind: z.string(),
  reason: z.string(),
  owner: z.string(),
  approver: z.string().nullable(),
  expires: z.string(),
  state: z.enum(['in-use', 'unused', 'expiring', 'expired']).describe('expiring: within 14 days'),
  hides: count.describe('differences'),
  pairs: count,
  connections: count,
  distinctPairs: count.nullable().describe('different pairs of values that it hides; null: not counted'),
  numericDifference: z.number().nullable().describe('the largest, where values are numbers'),
  remarks: z.array(z.string()).describe('too wide, for example'),
});
export type RuleExposure = z.output<typeof ruleExposureSchema>;

export const compareDocumentSchema = z.object({
  verb: z.literal('compare'),
  ok: z.boolean().describe('every selected connection is green'),
  exitCode: z.int(),
  verdict,
  stack: z.string(),
  deployment: z.string(),
  at: z.string(),
  worker: z.object({
    verdict,
    reasons: z.array(z.string()),
    behindMs: z.number().nullable().describe('how long the oldest record has waited; null: not known'),
  }),
  connections: z.array(comparedConnectionSchema).describe('worst first'),
  shapes: z.array(shapeSchema).describe('the same difference on all connections together, unaccepted ones first'),
  rules: z.array(ruleExposureSchema),
  unknownRules: z.array(z.string()).describe('results name them, and no file has them any more'),
  evidence: z.string().optional().describe('digest of the frozen evidence'),
  report: z.string().optional().describe('the HTML report'),
  warnings: z.array(z.string()),
  nextSteps: z.array(z.string()),
  error: z.object({ code: z.string(), message: z.string(), next: z.array(z.string()) }).optional(),
});
export type CompareDocument = z.output<typeof compareDocumentSchema>;

/** What `compare` prints for --suggest, --self-test, --suggest-correlation, --replay, --show-values and --sign-rule. */
export const compareModeDocumentSchema = z.object({
  verb: z.literal('compare'),
  mode: z.enum(['suggest', 'self-test', 'suggest-correlation', 'replay', 'show-values', 'sign-rule']),
  ok: z.boolean(),
  exitCode: z.int(),
  suggestions: z
    .array(
      z.object({
        path: z.string(),
        codes: z.array(z.string()),
        differences: count,
        pairs: count,
        rule: z.record(z.string(), z.unknown()).nullable().describe('as it may be put into stacks/rules; null: none'),
        remark: z.string(),
      }),
    )
    .optional(),
  selfTest: z
    .array(
      z.object({
        drift: z.string(),
        tried: count.describe('samples that have a place for it'),
        found: count,
        hidden: count,
        by: z.array(z.object({ rule: z.string(), count })),
        paths: z.array(z.string()),
      }),
    )
    .optional(),
  correlation: z
    .array(
      z.object({
        connection: z.string(),
        inputs: count,
        keys: z.array(
          z.object({
            paths: z.array(z.string()),
            present: z.number(),
            unique: z.number().describe('share of inputs that no other input shares the key with'),
            legacy: z.number().nullable().describe("share of legacy's outputs that keep the key of their input"),
            new: z.number().nullable(),
            fits: z.array(z.enum(['correlate', 'weightKey'])),
          }),
        ),
      }),
    )
    .optional(),
  replay: z
    .object({
      messages: count,
      answered: count,
      outputs: count,
      compared: count,
      matched: count,
      differences: z.array(comparedDifferenceSchema),
    })
    .optional(),
  signed: z.string().optional().describe('the file of the signature'),
  shown: z
    .array(z.object({ control: z.string().nullable(), candidate: z.string().nullable(), differs: z.boolean() }))
    .optional()
    .describe('patient data: segments side by side'),
  changed: z
    .array(
      z.object({
        path: z.string(),
        code: z.string().nullable(),
        control: z.string(),
        candidate: z.string(),
        counted: z
          .array(z.object({ kind: z.string(), shape: z.string(), count, rule: z.string().optional() }))
          .describe('the shapes of this place, and how often they were seen on the connection'),
      }),
    )
    .optional()
    .describe('patient data: the fields that differ'),
  warnings: z.array(z.string()),
  nextSteps: z.array(z.string()),
});
export type CompareModeDocument = z.output<typeof compareModeDocumentSchema>;
