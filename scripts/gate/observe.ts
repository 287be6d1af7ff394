/** Collects what the gate judges: gateways, proof store, frozen evidence, the stack's files, recorded traffic. Judges nothing. */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type FoundEvidence, listEvidence } from '../../adapters/evidence-files.ts';
import { readIfThere } from '../../adapters/read-if-there.ts';
import { DEFAULT_THRESHOLDS } from '../../core/compare/judgement.ts';
import type { EvidenceKind } from '../../core/evidence.ts';
import { parseHandover } from '../../core/gate/handover.ts';
import type {
  Attestation,
  Drill,
  Earlier,
  GateConnection,
  Observations,
  Observed,
  Verdicts,
} from '../../core/gate/observations.ts';
import { parseRaid } from '../../core/gate/raid.ts';
import { type Failed, formatProblem } from '../../core/located-yaml.ts';
import { type Measured, needsOf } from '../../core/planning/measured.ts';
import { DEFAULT_PROGRAMME, type Programme, parseProgramme } from '../../core/planning/programme.ts';
import { sumProfiles } from '../../core/planning/sum-profiles.ts';
import type { TrafficProfile } from '../../core/planning/traffic.ts';
import { readStanding } from '../compare/standing.ts';
import { observeTraffic } from '../plan/observed-traffic.ts';
import type { Context } from '../runner/context.ts';
import { nameList } from '../runner/name-list.ts';
import { readStatuses } from '../runner/snapshot.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { VerbStop } from '../runner/stop.ts';

const drillSchema = z.object({
  kind: z.enum(['drain', 'cycle']),
  connections: z.array(
    z.object({
      name: z.string(),
      verdict: z.enum(['passed', 'idle', 'failed']),
      reason: z.string().nullable(),
      epoch: z.int().nullable(),
      drainMs: z.number().nullable(),
      boundMs: z.number(),
    }),
  ),
  cycle: z.array(z.object({ verb: z.string(), exitCode: z.int(), movedMs: z.number() })),
});
const reconciledSchema = z.object({
  connections: z.array(z.object({ name: z.string(), verdict: z.enum(['green', 'red']), reasons: z.array(z.string()) })),
  window: z.object({ until: z.iso.datetime() }),
});
const attestationSchema = z.object({ by: z.string() });
const withoutFeedSchema = z.object({ by: z.string(), what: z.string() });

export async function observe(
  context: Context,
): Promise<{ readonly observations: Observations; readonly warnings: readonly string[] }> {
  const folder = stackFolderOf(context);
  const kept = await readKept(context, join(folder, 'evidence'));
  const drains = parsed(kept.of('drain-rehearsal'), drillSchema);
  const cycles = parsed(kept.of('drill'), drillSchema);
  const drills: readonly Earlier<Drill>[] = [...drains, ...cycles].sort((a, b) => b.atMs - a.atMs);
  // One of a window long past is as old as the end of its window, whenever somebody has asked for it.
  const reconciliations = parsed(kept.of('reconciliation'), reconciledSchema)
    .map(({ value, digest, atMs }) => ({
      digest,
      atMs: Math.min(atMs, Date.parse(value.window.until)),
      value: new Map(value.connections.map((one) => [one.name, one])) satisfies Verdicts,
    }))
    .sort((a, b) => b.atMs - a.atMs);
  const nowMs = Date.parse(context.clock.now());
  const observations: Observations = {
    nowMs,
    connections: await connectionsOf(context),
    comparison: await comparisonOf(context),
    drills: kept.source(drills, 'no drill of this stack was ever frozen'),
    reconciliations: kept.source(reconciliations, 'no reconciliation of this stack was ever frozen'),
    connectivity: attestations(kept.of('connectivity')),
    withoutFeed: withoutFeed(kept.of('attestation')),
    alertReceipts: kept.source(attestations(kept.of('alert-receipt')), 'nobody has attested an alert of this stack'),
    raid: await fileOf(join(folder, 'raid.yaml'), parseRaid),
    handover: await fileOf(join(folder, 'handover.yaml'), parseHandover),
    night: await nightOf(context, folder, nowMs),
  };
  return { observations, warnings: kept.damaged };
}

type Kept = FoundEvidence['found'];
type KeptEvidence = {
  readonly damaged: readonly string[];
  of(kind: EvidenceKind): Kept;
  source<T>(all: readonly Earlier<T>[], absent: string): Observed<readonly Earlier<T>[]>;
};

const KEPT_KINDS = [
  'drain-rehearsal',
  'drill',
  'reconciliation',
  'connectivity',
  'alert-receipt',
  'attestation',
] as const;

/** Clocks of two machines differ; what is further ahead would never grow old. */
const AHEAD_MS = 5 * 60_000;

/** What was changed could have been the newest, and red: while something is damaged, nothing that rests on evidence is known. */
async function readKept({ inventory, clock }: Context, folder: string): Promise<KeptEvidence> {
  const byKind = new Map<EvidenceKind, Kept>();
  const damaged = new Set<string>();
  const latestMs = Date.parse(clock.now()) + AHEAD_MS;
  for (const kind of KEPT_KINDS) {
    const read = await listEvidence(folder, kind);
    for (const message of read.damaged) damaged.add(message);
    const own = read.found.filter(({ evidence }) => evidence.deployment === inventory.deployment);
    const isAhead = ({ evidence: { at } }: Kept[number]): boolean => Date.parse(at) > latestMs;
    for (const { digest, evidence } of own.filter(isAhead)) {
      damaged.add(
        `${kind} ${digest} is of ${evidence.at}, which is still to come: a clock was wrong, or it was forged`,
      );
    }
    byKind.set(
      kind,
      own.filter((one) => !isAhead(one)),
    );
  }
  const [first] = damaged;
  return {
    damaged: [...damaged],
    of: (kind) => byKind.get(kind) ?? [],
    source: (all, absent) => {
      if (first !== undefined) return { kind: 'unknown', message: first };
      if (all.length === 0) return { kind: 'not-configured', message: absent };
      return { kind: 'observed', value: all, evidence: all.slice(0, 1).map(({ digest }) => digest) };
    },
  };
}

async function connectionsOf(context: Context): Promise<GateConnection[]> {
  const statuses = await readStatuses(context);
  return context.selected.map(({ name, wave, origin, owners, window, unclassifiedEffects, effectsAreKnown }) => {
    const view = statuses.get(name);
    const status =
      view?.kind === 'read'
        ? ({ kind: 'observed', value: view.status, evidence: [] } as const)
        : ({ kind: 'unknown', message: view?.message ?? 'its gateway was not asked' } as const);
    const people = { vendor: owners.emr ?? null, owner: owners.new ?? null };
    return { name, wave, origin, ...people, window, unclassifiedEffects, effectsAreKnown, status };
  });
}

/** Live, from the proof store: a comparison that was green an hour ago says nothing of the last hour. */
async function comparisonOf(context: Context): Promise<Observed<Verdicts>> {
  if (!context.env.DATABASE_URL)
    return { kind: 'not-configured', message: 'DATABASE_URL is not set, so nothing is compared' };
  try {
    const { connections } = await readStanding(context, DEFAULT_THRESHOLDS);
    return { kind: 'observed', value: new Map(connections.map((one) => [one.name, one])), evidence: [] };
  } catch (error) {
    if (!(error instanceof VerbStop)) throw error;
    return { kind: 'unknown', message: error.message };
  }
}

/** What does not fit is no evidence for the gate. */
function parsed<S extends z.ZodType>(found: Kept, schema: S): Earlier<z.output<S>>[] {
  return found.flatMap(({ digest, evidence }) => {
    const body = schema.safeParse(evidence.body);
    return body.success ? [{ digest, atMs: Date.parse(evidence.at), value: body.data }] : [];
  });
}

function attestations(found: Kept): Earlier<Attestation>[] {
  return found.flatMap(({ digest, evidence }) => {
    const body = attestationSchema.safeParse(evidence.body);
    if (!body.success) return [];
    return [{ digest, atMs: Date.parse(evidence.at), value: { by: body.data.by, connections: evidence.connections } }];
  });
}

function withoutFeed(found: Kept): Observations['withoutFeed'] {
  return found.flatMap(({ digest, evidence }) => {
    const body = withoutFeedSchema.safeParse(evidence.body);
    if (!body.success) return [];
    const value = { ...body.data, connections: evidence.connections };
    return [{ digest, atMs: Date.parse(evidence.at), value }];
  });
}

type Parse<T> = (text: string, file: string) => { readonly ok: true; readonly value: T } | Failed;

async function fileOf<T>(file: string, parse: Parse<T>): Promise<Observed<T>> {
  const content = await readIfThere(file);
  // From the project on: it is frozen as evidence, and read on other machines.
  const name = file.slice(file.lastIndexOf('/stacks/') + 1);
  if (content.kind === 'absent') return { kind: 'not-configured', message: `${name} is not there` };
  if (content.kind === 'unreadable')
    return { kind: 'unknown', message: `${name} cannot be read (${content.code}): may this user read it?` };
  const read = parse(content.value.toString('utf8'), file);
  if (read.ok) return { kind: 'observed', value: read.value, evidence: [] };
  return { kind: 'unknown', message: read.problems.map(formatProblem).join('; ') };
}

async function nightOf(context: Context, folder: string, nowMs: number): Promise<Observations['night']> {
  const read = await fileOf(join(folder, 'programme.yaml'), parseProgramme);
  const programme: Programme = read.kind === 'observed' ? read.value : DEFAULT_PROGRAMME;
  const { measured, verification, rollbackAtLeast } = programme;
  const times: Measured | null =
    measured === undefined
      ? null
      : {
          connections: measured.connections,
          switchMs: measured.switch,
          rollbackMs: measured.rollback,
          source: measured.source,
        };
  const needs = needsOf(context.selected.length, times, { verifyMs: verification, rollbackAtLeastMs: rollbackAtLeast });
  // A calendar that cannot be read may hold a freeze: then nobody knows what the night is like.
  const traffic = read.kind === 'unknown' ? read : await trafficOf(context, programme, folder, nowMs);
  return { programme, needs, traffic };
}

async function trafficOf(
  context: Context,
  programme: Programme,
  folder: string,
  nowMs: number,
): Promise<Observed<TrafficProfile>> {
  const databaseUrl = context.env.DATABASE_URL || null;
  const archive = programme.traffic === undefined ? null : resolve(folder, programme.traffic);
  if (archive === null && databaseUrl === null) {
    const message = 'no traffic is recorded: DATABASE_URL is not set, and programme.yaml names no `traffic`';
    return { kind: 'not-configured', message };
  }
  const { inventory, selected } = context;
  try {
    const { timeZone } = programme;
    const observed = await observeTraffic({ inventory, timeZone, archive, databaseUrl, nowMs });
    const profiles = selected.map(({ name }) => ({ name, profile: observed.profile(name) }));
    const unseen = profiles.filter(({ profile }) => profile === null).map(({ name }) => name);
    const sum = unseen.length > 0 ? null : sumProfiles(profiles.flatMap(({ profile }) => profile ?? []));
    if (sum !== null) return { kind: 'observed', value: sum, evidence: [] };
    const message = observed.source === null ? observed.notes.join('; ') : '';
    return { kind: 'unknown', message: message || `no traffic of ${nameList(unseen)} was recorded` };
  } catch (error) {
    if (!(error instanceof VerbStop)) throw error;
    return { kind: 'unknown', message: error.message };
  }
}
