/**
 * `stacks/<stack>/handover.yaml`: what people have agreed and done beside the technical work: hand-offs of the four parties,
 * knowledge transfer, access that changes hands, on-call, notices, the bridge of the night and the roster of the first morning.
 */
import { z } from 'zod';
import { type Failed, parseYaml } from '../located-yaml.ts';
import { isSamePerson } from '../person.ts';

const date = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'a date is YYYY-MM-DD');
const contact = z.strictObject({ name: z.string().min(1), role: z.string().min(1), phone: z.string().min(3) });
const handOff = z.strictObject({
  what: z.string().min(1).describe('what this party does, and when'),
  contact: z.string().min(1),
  agreed: date.optional().describe('absent: not agreed yet'),
});

const evidence = z.string().min(1).optional().describe('where it can be looked up: a ticket, a recording, a page');

export const handoverSchema = z.strictObject({
  handOffs: z.strictObject({
    legacy: z.array(handOff).min(1),
    new: z.array(handOff).min(1),
    emr: z.array(handOff.extend({ vendor: z.string().min(1).describe('as under `owners.emr`') })).min(1),
    lis: z.array(handOff).min(1),
  }),
  knowledgeTransfer: z
    .array(
      z.strictObject({
        topic: z.string().min(1),
        to: z.string().min(1),
        by: z.string().min(1).optional().describe('who holds the session; without it: `to`'),
        done: date.optional(),
        evidence,
      }),
    )
    .min(1),
  access: z
    .array(
      z.strictObject({
        what: z.string().min(1).describe('an account, a secret, a repository, a schedule'),
        from: z.string().min(1),
        to: z.string().min(1),
        owner: z.string().min(1).describe('who changes it'),
        done: date.optional(),
        evidence,
      }),
    )
    .default([]),
  notices: z.array(z.strictObject({ wave: z.string(), to: z.string().min(1), sent: date.optional() })),
  bridge: z.strictObject({ dialIn: z.string().min(1), contacts: z.array(contact).min(1) }),
  onCall: z
    .array(
      z.strictObject({
        team: z.string().min(1).describe('as under `owners.new`'),
        people: z.array(contact).min(1),
        from: date.optional().describe('from this day on they are called first'),
        backup: z.array(contact).default([]).describe('of the prior team'),
        backupUntil: date.optional(),
      }),
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

/** A day that is over or is today somewhere (UTC+14); what is dated later is planned, and has not happened. */
export function hasCome(day: string, nowMs: number): boolean {
  return day <= new Date(nowMs + 14 * 3_600_000).toISOString().slice(0, 10);
}

/** Without the dates that are still to come: an agreement that somebody expects is none. */
export function handoverAsOf(handover: Handover, nowMs: number): Handover {
  const past = (day: string | undefined): string | undefined =>
    day !== undefined && hasCome(day, nowMs) ? day : undefined;
  const agreed = <T extends { readonly agreed?: string | undefined }>(all: readonly T[]): T[] =>
    all.map((one) => ({ ...one, agreed: past(one.agreed) }));
  const done = <T extends { readonly done?: string | undefined }>(all: readonly T[]): T[] =>
    all.map((one) => ({ ...one, done: past(one.done) }));
  const { handOffs, knowledgeTransfer, access, notices } = handover;
  return {
    ...handover,
    handOffs: {
      legacy: agreed(handOffs.legacy),
      new: agreed(handOffs.new),
      emr: agreed(handOffs.emr),
      lis: agreed(handOffs.lis),
    },
    knowledgeTransfer: done(knowledgeTransfer),
    access: done(access),
    notices: notices.map((one) => ({ ...one, sent: past(one.sent) })),
  };
}

export type OpenRecord = {
  readonly area: 'hand-off' | 'knowledge' | 'access' | 'on-call' | 'notice' | 'roster';
  readonly what: string;
  readonly owner: string;
};

/** What is not done yet, for these waves, EMR vendors and new owners. */
export function openRecords(
  handover: Handover,
  { waves, vendors, teams }: Readonly<Record<'waves' | 'vendors' | 'teams', readonly string[]>>,
): readonly OpenRecord[] {
  const { handOffs, knowledgeTransfer, onCall, notices, roster } = handover;
  const emr = handOffs.emr.filter(({ vendor }) => vendors.includes(vendor));
  const parties = [...handOffs.legacy, ...handOffs.new, ...handOffs.lis, ...emr];
  const isNamed = (vendor: string): boolean => handOffs.emr.some((one) => one.vendor === vendor);
  const open = (area: OpenRecord['area'], what: string, owner: string): OpenRecord => ({ area, what, owner });
  return [
    ...parties.filter(({ agreed }) => agreed === undefined).map((one) => open('hand-off', one.what, one.contact)),
    ...vendors.filter((vendor) => !isNamed(vendor)).map((vendor) => open('hand-off', 'none is written down', vendor)),
    ...knowledgeTransfer
      .filter(({ done }) => done === undefined)
      .map(({ topic, to, by }) => open('knowledge', `${topic}, to ${to}`, by ?? to)),
    ...openAccess(handover).map(({ what, from, to, owner }) => open('access', `${what}, from ${from} to ${to}`, owner)),
    ...teams
      .filter((team) => !onCall.some((one) => one.team === team))
      .map((team) => open('on-call', 'nobody is written down', team)),
    ...notices
      .filter(({ wave, sent }) => waves.includes(wave) && sent === undefined)
      .map(({ wave, to }) => open('notice', `of wave ${wave}`, to)),
    ...waves
      .filter((wave) => !roster.some((one) => one.wave === wave))
      .map((wave) => open('roster', `first morning of wave ${wave}`, 'the new owners')),
  ];
}

export function openAccess({ access }: Handover): Handover['access'] {
  return access.filter(({ done }) => done === undefined);
}

/** Done, they say, without a place where it can be looked up. */
export function withoutEvidence({ knowledgeTransfer, access }: Handover): readonly string[] {
  const lacks = (one: { readonly done?: string | undefined; readonly evidence?: string | undefined }): boolean =>
    one.done !== undefined && one.evidence === undefined;
  return [
    ...knowledgeTransfer.filter(lacks).map(({ topic }) => topic),
    ...access.filter(lacks).map(({ what }) => what),
  ];
}

/** Whether a person is one of those who are called first; null: nobody is written down. */
export function isOnCall({ onCall }: Handover, name: string): boolean | null {
  if (onCall.length === 0) return null;
  return onCall.some(({ people }) => people.some((person) => isSamePerson(person.name, name)));
}

export function parseHandover(text: string, file: string): { readonly ok: true; readonly value: Handover } | Failed {
  return parseYaml(text, file, handoverSchema);
}
