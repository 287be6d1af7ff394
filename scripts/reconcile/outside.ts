/** Outside records of one verb: their map read, their rows loaded, and what they lack or have too much, by connection. */

import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { newRowCounts, OutsideFileProblem, readIdMap, readOutsideFile } from '../../adapters/outside-file.ts';
import { type Group, OutsideStore, type Role, type SetName } from '../../adapters/outside-store.ts';
import type { Postgres } from '../../adapters/postgres.ts';
import type { MessageId } from '../../core/admin-api.ts';
import type { Connection } from '../../core/inventory.ts';
import { formatProblems, parseYaml } from '../../core/located-yaml.ts';
import type { Grade, OutsideSet } from '../../core/reconcile/document.ts';
import { resolveGroup, type Theirs } from '../../core/reconcile/groups.ts';
import type { OutsideFindings } from '../../core/reconcile/judge.ts';
import { type OutsideMap, outsideMapSchema } from '../../core/reconcile/outside-map.ts';
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';
import type { AskedWindow } from './window.ts';

/** Clocks differ, and a message takes a while from the gateway to a table of the LIS. */
const SLACK_MS = 600_000;

export type OutsideResult = {
  readonly sets: readonly OutsideSet[];
  readonly findings: ReadonlyMap<string, OutsideFindings>;
  readonly grade: Grade;
  readonly warnings: readonly string[];
};

type MutableFindings = {
  lost: MessageId[];
  neverArrived: MessageId[];
  duplicated: { id: MessageId }[];
  unexpected: MessageId[];
  ambiguous: number;
};

/** Absent file: the defaults, unless it was asked for by name. */
export async function readOutsideMap(context: Context, args: Args): Promise<{ map: OutsideMap; folder: string }> {
  const { project, stack } = context;
  const file = args.map ?? (project === null ? null : join(project.folder, 'stacks', stack, 'outside.yaml'));
  if (file === null) return { map: outsideMapSchema.parse({}), folder: context.cwd };
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && args.map === undefined) return '{}';
    throw new VerbStop(EXIT.usage, {
      code: 'map-unreadable',
      message: `${file}: it cannot be read (${error.code ?? 'unknown'})`,
      next: ['name a readable file with --map F'],
    });
  });
  const parsed = parseYaml(text, file, outsideMapSchema);
  if (!parsed.ok) {
    const message = formatProblems(parsed.problems);
    throw new VerbStop(EXIT.usage, { code: 'map-invalid', message, next: [`correct ${file}`] });
  }
  return { map: parsed.value, folder: dirname(resolve(file)) };
}

export async function compareOutside(
  context: Context,
  args: Args,
  postgres: Postgres,
  window: AskedWindow,
  given: { readonly map: OutsideMap; readonly folder: string },
): Promise<OutsideResult> {
  const files = (['lis', 'emr'] as const).flatMap((set) => {
    const file = args[set];
    return file === undefined ? [] : [{ set, file }];
  });
  const grade = args.lis === undefined ? 'C' : args.emr === undefined ? 'B' : 'A';
  if (files.length === 0) return { sets: [], findings: new Map(), grade, warnings: [] };
  const store = await OutsideStore.open(postgres, context.inventory.deployment);
  const findings = new Map<string, MutableFindings>();
  const sets: OutsideSet[] = [];
  const warnings: string[] = [];
  for (const { set, file } of files) {
    context.terminal.progress(`reconcile: reading ${file}`);
    const loaded = await load(store, context, set, file, window, given);
    sets.push(loaded);
    warnings.push(...leftOut(loaded));
    for (const direction of ['orders', 'results'] as const) {
      const names = context.selected.filter((item) => item.direction === direction).map(({ name }) => name);
      const { groups, isCut } = await store.differing(set, roleOf(set, direction), names, window, SLACK_MS);
      const add = roleOf(set, direction) === 'destination' ? addDestination : addSource;
      for (const group of groups) add(findingsOf(findings, group.connection), set, group);
      if (isCut) warnings.push(`${file}: more ids differ than are looked at one by one: is it another window?`);
    }
  }
  if (args.lis === undefined) warnings.push('without --lis the EMR set is compared, and the evidence stays grade C');
  const all = new Map<string, OutsideFindings>(
    context.selected.map(({ name }) => [name, { ...(findings.get(name) ?? nothing()), grade }]),
  );
  return { sets, findings: all, grade, warnings };
}

/** Orders go from the EMR to the LIS, results the other way. */
function roleOf(set: SetName, direction: Connection['direction']): Role {
  return (set === 'lis') === (direction === 'orders') ? 'destination' : 'source';
}

async function load(
  store: OutsideStore,
  context: Context,
  set: SetName,
  file: string,
  window: AskedWindow,
  { map, folder }: { readonly map: OutsideMap; readonly folder: string },
): Promise<OutsideSet> {
  const counts = newRowCounts(map[set]);
  try {
    await store.load(set, readOutsideFile(file, map[set], counts));
    const { ids } = map[set];
    if (ids !== undefined) {
      const several = await store.map(set, readIdMap(resolve(folder, ids.file), ids.from, ids.to));
      if (several > 0) {
        const what = `${several} ${several === 1 ? 'id has' : 'ids have'} several entries`;
        throw new OutsideFileProblem(`${ids.file}: ${what}, and nobody can say which is meant → leave one of each`);
      }
    }
  } catch (error) {
    if (!(error instanceof OutsideFileProblem)) throw error;
    throw new VerbStop(EXIT.usage, { code: 'outside-unreadable', message: error.message, next: [] });
  }
  const everyone = context.inventory.connections.map(({ name }) => name);
  const dropped = await store.discard(set, everyone, window, SLACK_MS);
  const excludedRows = counts.excluded.reduce((sum, one) => sum + one.count, 0);
  return {
    set,
    file,
    rows: counts.rows,
    taken: counts.rows - counts.withoutId - excludedRows - dropped.unknownConnection - dropped.outsideWindow,
    outsideWindow: dropped.outsideWindow,
    unknownConnection: dropped.unknownConnection,
    withoutId: counts.withoutId,
    excluded: counts.excluded,
  };
}

/** What no exclusion explains: a double among these would not be seen. */
function leftOut({ file, unknownConnection, withoutId }: OutsideSet): string[] {
  const rows = (count: number): string => (count === 1 ? '1 row is' : `${count} rows are`);
  return [
    ...(unknownConnection === 0
      ? []
      : [
          `${file}: ${rows(unknownConnection)} of no connection of the inventory: name it under \`connections\` in the map, or exclude them`,
        ]),
    ...(withoutId === 0 ? [] : [`${file}: ${rows(withoutId)} without an id, and compared with nothing`]),
  ];
}

function addDestination(found: MutableFindings, set: SetName, { msh10, ours, theirs }: Group): void {
  const { missing, surplus, isAmbiguous } = resolveGroup(ours, theirs);
  found.lost.push(...missing.map(({ id }) => id));
  for (const { row, of } of surplus) {
    if (of === null) found.unexpected.push(rowId(set, msh10, row));
    else found.duplicated.push({ id: of.id });
  }
  if (isAmbiguous) found.ambiguous += missing.length + surplus.length;
}

/** What a source sent, against what was accepted from it: the same two lists, seen from the other end. */
function addSource(found: MutableFindings, set: SetName, { msh10, ours, theirs }: Group): void {
  const { met, missing, surplus, isAmbiguous } = resolveGroup(ours, theirs);
  for (const { id, digest } of missing) {
    if (met.some((one) => one.digest === digest)) found.duplicated.push({ id });
    else found.unexpected.push(id);
  }
  // A second row of what arrived is the source's own retry, where the digest says that it is the same.
  const never = surplus.filter(({ row, of }) => of === null || row.digest === null);
  found.neverArrived.push(...never.map(({ row }) => rowId(set, msh10, row)));
  if (isAmbiguous) found.ambiguous += missing.length + never.length;
}

function rowId(set: SetName, msh10: string, { row, digest }: Theirs): MessageId {
  return { msh10, sha256: (digest ?? '').slice(0, 12).padEnd(12, '0'), at: `${set}/row ${row}` };
}

function findingsOf(findings: Map<string, MutableFindings>, connection: string): MutableFindings {
  const found = findings.get(connection) ?? nothing();
  findings.set(connection, found);
  return found;
}

function nothing(): MutableFindings {
  return { lost: [], neverArrived: [], duplicated: [], unexpected: [], ambiguous: 0 };
}
