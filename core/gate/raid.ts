/**
 * `stacks/<stack>/raid.yaml`: risks, assumptions, issues and dependencies of the programme, with who looks after each. An
 * open high one, or one that nobody has reviewed in time, stops the gate.
 */
import { z } from 'zod';
import { type Failed, parseYaml } from '../located-yaml.ts';

const date = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'a date is YYYY-MM-DD');

export const RAID_KINDS = ['risk', 'assumption', 'issue', 'dependency'] as const;
export const SEVERITIES = ['low', 'medium', 'high'] as const;
/** Who hands something over, for dependencies. */
export const PARTIES = ['legacy', 'new', 'emr', 'lis'] as const;

export const raidItemSchema = z.strictObject({
  id: z.string().regex(/^[RAID]-\d{1,5}$/, 'an id is R-1, A-1, I-1 or D-1'),
  kind: z.enum(RAID_KINDS),
  title: z.string().min(1).max(300),
  severity: z.enum(SEVERITIES),
  owner: z.string().min(1),
  mitigation: z.string().optional(),
  evidence: z.string().optional().describe('where to look: a digest, a ticket, a link'),
  party: z.enum(PARTIES).optional().describe('of a dependency: who owes it'),
  waves: z.array(z.string()).min(1).optional().describe('only these; default: all'),
  opened: date,
  review: date.describe('by then someone looks at it again'),
  closed: date.optional(),
  reason: z.string().optional().describe('why it was closed'),
});
export type RaidItem = z.output<typeof raidItemSchema>;

export const raidSchema = z.strictObject({ items: z.array(raidItemSchema).default([]) });
export type Raid = z.output<typeof raidSchema>;

export function parseRaid(text: string, file: string): { readonly ok: true; readonly value: Raid } | Failed {
  const parsed = parseYaml(text, file, raidSchema);
  if (!parsed.ok) return parsed;
  const ids = parsed.value.items.map(({ id }) => id);
  const twice = ids.findIndex((id, index) => ids.indexOf(id) !== index);
  if (twice === -1) return parsed;
  const message = `${ids[twice]} is there twice`;
  const path = ['items', twice, 'id'];
  const problem = {
    file,
    line: parsed.lineOf(path),
    path: `items[${twice}].id`,
    message,
    remedy: 'give it another id',
  };
  return { ok: false, problems: [problem] };
}

const LETTERS = { risk: 'R', assumption: 'A', issue: 'I', dependency: 'D' } as const;

/** The next free id of its kind. */
export function nextRaidId({ items }: Raid, kind: RaidItem['kind']): string {
  const letter = LETTERS[kind];
  const used = items.filter(({ id }) => id.startsWith(`${letter}-`)).map(({ id }) => Number(id.slice(2)));
  return `${letter}-${Math.max(0, ...used) + 1}`;
}
