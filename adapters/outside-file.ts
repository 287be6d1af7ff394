/**
 * Outside records from CSV or NDJSON, row by row: a file of any size is never in memory. What is wrong with a row is
 * counted, or where nothing can be made of the file refused with its line.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import { type OutsideSetMap, readTimeMs } from '../core/reconcile/outside-map.ts';

export type OutsideRow = {
  /** From 1, without the header. */
  readonly row: number;
  readonly connection: string;
  readonly id: string;
  readonly digest: string | null;
  readonly atMs: number | null;
};

export type RowCounts = {
  rows: number;
  withoutId: number;
  readonly excluded: { readonly name: string; readonly reason: string; count: number }[];
};

/** Its message names file, row and remedy. */
export class OutsideFileProblem extends Error {
  override readonly name = 'OutsideFileProblem';
}

type Fields = Readonly<Record<string, string>>;

export function newRowCounts({ exclude }: OutsideSetMap): RowCounts {
  return { rows: 0, withoutId: 0, excluded: exclude.map(({ name, reason }) => ({ name, reason, count: 0 })) };
}

/** @throws OutsideFileProblem */
export async function* readOutsideFile(
  file: string,
  map: OutsideSetMap,
  counts: RowCounts,
): AsyncGenerator<OutsideRow, void, void> {
  for await (const fields of recordsOf(file, map)) {
    counts.rows++;
    if (counts.rows === 1) checkColumns(file, map, fields);
    const excluding = map.exclude.findIndex(({ where }) =>
      Object.entries(where).every(([column, values]) => values.includes(fields[column] ?? '')),
    );
    const exclusion = counts.excluded[excluding];
    if (exclusion !== undefined) {
      exclusion.count++;
      continue;
    }
    const id = fields[map.columns.id] ?? '';
    if (id === '') {
      counts.withoutId++;
      continue;
    }
    yield toRow(file, map, fields, id, counts.rows);
  }
}

function toRow(file: string, map: OutsideSetMap, fields: Fields, id: string, row: number): OutsideRow {
  const { columns, connections } = map;
  const named = map.connection ?? fields[columns.connection ?? 'connection'] ?? '';
  const at = columns.at === undefined ? null : (fields[columns.at] ?? '');
  const atMs = at === null ? null : readTimeMs(at, map);
  if (at !== null && atMs === null) {
    throw new OutsideFileProblem(
      `${file}: row ${row}: the column ${columns.at} holds no time of kind '${map.time}' → say its kind with \`time\` in the map`,
    );
  }
  const digest =
    columns.digest === undefined ? null : (fields[columns.digest] ?? '').replace(/^sha256:/, '').toLowerCase();
  return {
    row,
    connection: connections[named] ?? named,
    // MSH-10 is compared as bytes: each is one character here.
    id: Buffer.from(id, 'utf8').toString('latin1'),
    digest: digest === null || digest === '' ? null : digest,
    atMs,
  };
}

function checkColumns(file: string, map: OutsideSetMap, fields: Fields): void {
  const { columns } = map;
  const needed = [
    columns.id,
    ...(map.connection === undefined ? [columns.connection ?? 'connection'] : []),
    ...(columns.at === undefined ? [] : [columns.at]),
    ...(columns.digest === undefined ? [] : [columns.digest]),
    ...map.exclude.flatMap(({ where }) => Object.keys(where)),
  ];
  const absent = needed.find((column) => !(column in fields));
  if (absent === undefined) return;
  const has = Object.keys(fields).slice(0, 20).join(', ');
  throw new OutsideFileProblem(`${file}: there is no column '${absent}' (it has ${has}) → ${remedyFor(fields)}`);
}

/** One column whose name holds a separator: it is not the comma. */
function remedyFor(fields: Fields): string {
  const [only = '', ...others] = Object.keys(fields);
  const separator = others.length > 0 ? undefined : [';', '\t', '|'].find((one) => only.includes(one));
  return separator === undefined
    ? 'name the columns in a map: --map F'
    : `say its separator in the map, as \`delimiter: ${JSON.stringify(separator)}\``;
}

/** @throws OutsideFileProblem */
export async function* readIdMap(
  file: string,
  from: string,
  to: string,
): AsyncGenerator<{ readonly from: string; readonly to: string }, void, void> {
  const asLatin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
  for await (const fields of csvRecords(file, ',')) {
    const [outside, ours] = [fields[from], fields[to]];
    if (outside === undefined || ours === undefined) {
      throw new OutsideFileProblem(
        `${file}: there is no column '${outside === undefined ? from : to}' → correct \`ids\` in the map`,
      );
    }
    yield { from: asLatin1(outside), to: asLatin1(ours) };
  }
}

function recordsOf(file: string, { format, delimiter }: OutsideSetMap): AsyncIterable<Fields> {
  const isNdjson = format === undefined ? /\.(ndjson|jsonl)$/.test(file) : format === 'ndjson';
  return isNdjson ? ndjsonRecords(file) : csvRecords(file, delimiter);
}

async function* csvRecords(file: string, delimiter: string): AsyncGenerator<Fields, void, void> {
  const input = createReadStream(file, { highWaterMark: 1024 * 1024 });
  const parser = input.pipe(
    parse({ delimiter, columns: true, bom: true, skip_empty_lines: true, relax_column_count_less: true }),
  );
  // A pipe does not pass errors on.
  input.on('error', (error) => parser.destroy(error));
  try {
    for await (const record of parser) yield record;
  } catch (error) {
    throw problemOf(file, error);
  } finally {
    input.destroy();
  }
}

async function* ndjsonRecords(file: string): AsyncGenerator<Fields, void, void> {
  const input = createReadStream(file, { highWaterMark: 1024 * 1024 });
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++;
      if (text.trim() === '') continue;
      yield fieldsOf(JSON.parse(text));
    }
  } catch (error) {
    throw error instanceof SyntaxError
      ? new OutsideFileProblem(`${file}: line ${line} is no JSON → one object a line`)
      : problemOf(file, error);
  } finally {
    input.destroy();
  }
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      one === null ? '' : typeof one === 'string' ? one : JSON.stringify(one),
    ]),
  );
}

/** Without what the file holds: it is patient data. */
function problemOf(file: string, error: unknown): OutsideFileProblem {
  if (error instanceof OutsideFileProblem) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
  const line = error instanceof Error && 'lines' in error ? `line ${error.lines}: ` : '';
  return new OutsideFileProblem(`${file}: ${line}it cannot be read (${code}) → name a readable CSV or NDJSON file`);
}
