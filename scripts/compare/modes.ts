/** What `compare` does besides judging: proposes rules, tests them, measures keys, shows one pair. */

import { resolve } from 'node:path';
import { PostgresFailure } from '../../adapters/postgres.ts';
import { RecordedPairs } from '../../adapters/recorded-pairs.ts';
import { measureKeys } from '../../core/compare/correlation.ts';
import { nameOfRule } from '../../core/compare/judgement.ts';
import { selfTest } from '../../core/compare/self-test.ts';
import { type ChangedField, changedFields, sideBySide } from '../../core/compare/side-by-side.ts';
import { type Pair, suggestionsAsYaml, suggestRules } from '../../core/compare/suggest.ts';
import type { CompareModeDocument, Shape } from '../../core/compare-document.ts';
import { counted } from '../../core/count-words.ts';
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { LedgerSession } from '../runner/ledger-session.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { Printed } from '../runner/verb.ts';
import type { Beside } from './beside.ts';
import { writeValues } from './report.ts';
import { samplesOf } from './samples.ts';
import { databaseOf, definitionsOf, openStore, todayOf } from './standing.ts';

const PAIRS_LIMIT = 500;
const SAMPLES_LIMIT = 50;
const PROPOSED_DAYS = 90;
const EXAMPLES_LIMIT = 12;
const GROUPS_LIMIT = 500;

async function withRecords<T>(context: Context, read: (records: RecordedPairs) => Promise<T>): Promise<T> {
  const url = databaseOf(context);
  try {
    const records = await RecordedPairs.open(context.inventory.deployment, url);
    try {
      return await read(records);
    } finally {
      await records.close();
    }
  } catch (error) {
    if (!(error instanceof PostgresFailure)) throw error;
    throw new VerbStop(EXIT.failed, {
      code: 'database-unavailable',
      message: `the shipped records cannot be read: ${error.message}`,
      next: ['bring the database up, then again'],
    });
  }
}

/** Rules are proposed for one set of connections at a time, under the rules that each has. */
export async function suggest(context: Context): Promise<Printed> {
  const definitions = await definitionsOf(context);
  const expires = new Date(Date.parse(todayOf(context)) + PROPOSED_DAYS * 86_400_000).toISOString().slice(0, 10);
  const byRules = new Map<string, { readonly names: string[]; readonly pairs: Pair[] }>();
  await withRecords(context, async (records) => {
    for (const { name } of context.selected) {
      const { digest } = definitions.rulesOf(name);
      const group = byRules.get(digest) ?? { names: [], pairs: [] };
      byRules.set(digest, group);
      group.names.push(name);
      group.pairs.push(...(await records.newest(name, PAIRS_LIMIT)));
    }
  });
  const suggestions = [...byRules.values()].flatMap(({ names, pairs }) =>
    suggestRules(pairs, definitions.rulesOf(names[0] ?? ''), expires),
  );
  const document: CompareModeDocument = {
    ...modeOf('suggest', true),
    suggestions: suggestions.map((each) => ({ ...each, codes: [...each.codes] })),
    nextSteps: suggestions.length === 0 ? [] : ['judge each, write why, put it into stacks/rules'],
  };
  const rows = suggestions.map(({ path, differences, pairs, rule, remark }) => [
    path,
    String(differences),
    String(pairs),
    rule?.kind ?? '-',
    remark,
  ]);
  const table = formatTable([['path', 'differences', 'pairs', 'kind', ''], ...rows]);
  const yaml = suggestions.some(({ rule }) => rule !== null) ? ['', suggestionsAsYaml(suggestions)] : [];
  const text =
    suggestions.length === 0 ? 'nothing differs that no rule accepts\n' : `${[...table, ...yaml].join('\n')}\n`;
  return { document, text, exitCode: EXIT.done };
}

/** Green where no drift is hidden and every kind was tried on something. */
export async function testRules(context: Context, args: Args): Promise<Printed> {
  const definitions = await definitionsOf(context);
  const samples =
    args.samples === undefined ? await recordedSamples(context) : await samplesOf(context, args.samples, SAMPLES_LIMIT);
  if (samples.size === 0) {
    throw new VerbStop(EXIT.refused, {
      code: 'no-samples',
      message: 'there is no output to try drifts on',
      next: ['cutover compare --self-test --samples DIR'],
    });
  }
  const merged = new Map<string, { tried: number; found: number; by: Map<string, number>; paths: Set<string> }>();
  for (const [name, outputs] of samples) {
    for (const { drift, tried, found, by, paths } of selfTest(outputs, definitions.rulesOf(name))) {
      const known = merged.get(drift) ?? { tried: 0, found: 0, by: new Map(), paths: new Set() };
      merged.set(drift, known);
      known.tried += tried;
      known.found += found;
      for (const { rule, count } of by) known.by.set(rule, (known.by.get(rule) ?? 0) + count);
      for (const path of paths) known.paths.add(path);
    }
  }
  const lines = [...merged].map(([drift, { tried, found, by, paths }]) => ({
    drift,
    tried,
    found,
    hidden: tried - found,
    by: [...by].map(([rule, count]) => ({ rule, count })),
    paths: [...paths].slice(0, 5),
  }));
  const hidden = lines.filter((line) => line.hidden > 0);
  const untried = lines.filter(({ tried }) => tried === 0).map(({ drift }) => drift);
  const ok = hidden.length === 0;
  const document: CompareModeDocument = {
    ...modeOf('self-test', ok),
    selfTest: lines,
    warnings: untried.length === 0 ? [] : [`no sample has a place for: ${untried.join(', ')}`],
    nextSteps: remediesOf(hidden),
  };
  const rows = lines.map((line) => [
    line.tried === 0 ? '·' : line.hidden === 0 ? '✓' : '✗',
    line.drift,
    `${line.found} of ${line.tried} found`,
    line.hidden === 0
      ? line.paths.join(', ')
      : line.by.length === 0
        ? 'not looked at: `delayLimitSeconds` is in no file of stacks/rules'
        : `hidden by ${line.by.map(({ rule, count }) => `${rule || 'nothing'} (${count})`).join(', ')}`,
  ]);
  const last = ok ? ['GREEN: the rules hide no drift'] : ['RED: not every drift would be seen', ...nextOf(document)];
  const text = `${[...formatTable(rows), ...document.warnings.map((each) => `! ${each}`), '', ...last].join('\n')}\n`;
  return { document, text, exitCode: ok ? EXIT.done : EXIT.refused };
}

type Hiding = { readonly by: readonly { readonly rule: string }[] };

/** What no rule hides and nobody looks for is lateness alone. */
function remediesOf(hidden: readonly Hiding[]): string[] {
  const rules = [...new Set(hidden.flatMap(({ by }) => by.map(({ rule }) => rule)))];
  return [
    ...(rules.length === 0 ? [] : [`narrow what hides it: ${rules.join(', ')}`]),
    ...(hidden.some(({ by }) => by.length === 0)
      ? ['write `delayLimitSeconds: N` into a file of stacks/rules: how late an output of the candidate may be']
      : []),
  ];
}

function nextOf({ nextSteps }: CompareModeDocument): string[] {
  return nextSteps.length === 0 ? [] : ['next:', ...nextSteps.map((step) => `  ${step}`)];
}

async function recordedSamples(context: Context): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
  const samples = new Map<string, readonly Uint8Array[]>();
  await withRecords(context, async (records) => {
    for (const { name } of context.selected) {
      const triples = await records.triples(name, SAMPLES_LIMIT);
      const outputs = triples.flatMap(({ legacy }) => (legacy === null ? [] : [legacy]));
      if (outputs.length > 0) samples.set(name, outputs);
    }
  });
  return samples;
}

export async function suggestCorrelation(context: Context): Promise<Printed> {
  const measured = await withRecords(context, async (records) => {
    const each: { connection: string; inputs: number; keys: ReturnType<typeof measureKeys> }[] = [];
    for (const { name } of context.selected) {
      const triples = await records.triples(name, PAIRS_LIMIT);
      each.push({ connection: name, inputs: triples.length, keys: measureKeys(triples) });
    }
    return each;
  });
  const document: CompareModeDocument = {
    ...modeOf('suggest-correlation', true),
    correlation: measured.map(({ connection, inputs, keys }) => ({
      connection,
      inputs,
      keys: keys.map((key) => ({ ...key, paths: [...key.paths], fits: [...key.fits] })),
    })),
    nextSteps: ['write `correlate` and `weightKey` into the inventory; `cutover compare` says whether it still holds'],
  };
  const share = (value: number | null): string => (value === null ? '?' : `${Math.floor(value * 100)} %`);
  const rows = measured.flatMap(({ connection, inputs, keys }) =>
    keys.map((key) => [
      connection,
      `[${key.paths.join(', ')}]`,
      share(key.unique),
      share(key.legacy),
      share(key.new),
      key.fits.join(', '),
      counted(inputs, 'input'),
    ]),
  );
  const header = ['connection', 'key', 'unique', 'kept by legacy', 'by new', 'fits', ''];
  return { document, text: `${formatTable([header, ...rows]).join('\n')}\n`, exitCode: EXIT.done };
}

/** Patient data: asked for with a reason, and recorded before anything is shown. */
export async function showValues(context: Context, args: Args): Promise<Printed> {
  const [connection, ...others] = context.selected;
  const at = args['show-values'] ?? '';
  if (connection === undefined || others.length > 0)
    throw usage('--show-values needs one connection', '--connection NAME');
  if (args.reason === undefined)
    throw usage('--show-values needs --reason: who looks at patient data says why', '--reason TEXT');
  const pair = await withRecords(context, (records) => records.at(connection.name, at));
  if (pair === null) {
    throw new VerbStop(EXIT.refused, {
      code: 'no-pair',
      message: `there is no pair of outputs at '${at}' of ${connection.name}, or its payloads are purged`,
      next: ['take `at` of an example of cutover compare --json, as in 0/4711'],
    });
  }
  const ledger = await LedgerSession.open(context, args);
  try {
    if (ledger.availability.kind !== 'read') throw new VerbStop(EXIT.refused, notRecorded());
    await ledger.record('decision', { valuesShown: { connection: connection.name, at } });
  } finally {
    await ledger.close();
  }
  if (args.report !== undefined) {
    const heading = `${connection.name}, ${at}`;
    const why = `shown to ${context.operator} at ${context.clock.now()}: ${args.reason}`;
    await writeValues(resolve(context.cwd, args.report), why, { heading, pair });
  }
  const rows = sideBySide(pair.control, pair.candidate) ?? [];
  const changed = await countedChanges(context, connection.name, changedFields(pair.control, pair.candidate) ?? []);
  const document: CompareModeDocument = { ...modeOf('show-values', true), shown: [...rows], changed };
  const lines = rows.flatMap(({ control, candidate, differs }) =>
    differs
      ? [...(control === null ? [] : [`- ${control}`]), ...(candidate === null ? [] : [`+ ${candidate}`])]
      : [`  ${control ?? ''}`],
  );
  const text = [...lines, ...(changed.length === 0 ? [] : ['', ...changed.map(changeLine)])].join('\n');
  return { document, text: `${text}\n`, exitCode: EXIT.done };
}

type Changed = NonNullable<CompareModeDocument['changed']>[number];

/** Each changed field with what the worker has counted at its place, on this connection, under any rules. */
async function countedChanges(
  context: Context,
  connection: string,
  fields: readonly ChangedField[],
): Promise<Changed[]> {
  const store = await openStore(context);
  const groups = await store.readDifferences([connection], GROUPS_LIMIT).finally(() => store.close());
  return fields.map((field) => {
    const own = groups.filter(
      ({ path, code }) => code === field.code && (path === field.path || path.startsWith(`${field.path}.`)),
    );
    const byShape = Map.groupBy(own, ({ kind, shape, rule }) => JSON.stringify([kind, shape, rule]));
    const counted = [...byShape.values()].flatMap((same) => {
      const [first] = same;
      if (first === undefined) return [];
      const { kind, shape, rule } = first;
      const count = same.reduce((sum, each) => sum + each.count, 0);
      return [{ kind, shape, count, ...(rule === null ? {} : { rule: nameOfRule(rule) }) }];
    });
    return { ...field, counted: counted.sort((a, b) => b.count - a.count) };
  });
}

/** As in `OBX-5 of 2345-7: 12.0 against 12 (number-format 9.9 against 9: 4,312 times)`. */
function changeLine({ path, code, control, candidate, counted }: Changed): string {
  const value = (text: string): string => (text === '' ? '(empty)' : text);
  const counts = counted.map(({ kind, shape, count, rule }) => {
    const times = `${count.toLocaleString('en-US')} ${count === 1 ? 'time' : 'times'}`;
    return `${kind} ${shape}: ${times}${rule === undefined ? '' : `, accepted by ${rule}`}`;
  });
  const where = code === null ? path : `${path} of ${code}`;
  return `${where}: ${value(control)} against ${value(candidate)}${counts.length === 0 ? '' : ` (${counts.join('; ')})`}`;
}

/** Of what nobody has accepted, the most frequent first: one pair each, as far as its bytes are still there. */
export async function examplesOf(context: Context, shapes: readonly Shape[]): Promise<readonly Beside[]> {
  const open = shapes.filter(({ rule, exampleIds }) => rule === undefined && exampleIds.length > 0);
  if (open.length === 0) return [];
  const names = new Set(context.selected.map(({ name }) => name));
  return withRecords(context, async (records) => {
    const examples = new Map<string, Beside>();
    for (const { path, code, kind, exampleIds, on } of open.slice(0, EXAMPLES_LIMIT)) {
      const [id] = exampleIds;
      const name = on.find((one) => names.has(one));
      const pair = id === undefined || name === undefined ? null : await records.at(name, id.at);
      if (pair === null || id === undefined || examples.has(`${name} ${id.at}`)) continue;
      const where = code === null ? path : `${path} of ${code}`;
      examples.set(`${name} ${id.at}`, { heading: `${name}, ${id.msh10} (${id.at}): ${where}, ${kind}`, pair });
    }
    return [...examples.values()];
  });
}

function notRecorded() {
  return {
    code: 'not-recorded',
    message: 'values are shown only where that is recorded, and the ledger cannot be written',
    next: ['bring the database of DATABASE_URL up, then again'],
  };
}

function modeOf(mode: CompareModeDocument['mode'], ok: boolean): CompareModeDocument {
  return { verb: 'compare', mode, ok, exitCode: ok ? EXIT.done : EXIT.refused, warnings: [], nextSteps: [] };
}
