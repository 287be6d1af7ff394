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
    if (counts.rows === 1) checkColumns(file, map, Object.keys(fields));
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
    columns.digest === undefined ? '' : (fields[columns.digest] ?? '').replace(/^sha256:/i, '').toLowerCase();
  if (digest !== '' && !/^[0-9a-f]{12,64}$/.test(digest)) {
    throw new OutsideFileProblem(
      `${file}: row ${row}: the column ${columns.digest} holds no SHA-256 in hex, nor its first 12 digits → leave it empty, or \`digest\` out of the map`,
    );
  }
  return {
    row,
    connection: Object.hasOwn(connections, named) ? (connections[named] ?? named) : named,
    // MSH-10 is compared as bytes: each is one character here.
    id: Buffer.from(id, 'utf8').toString('latin1'),
    digest: digest === '' ? null : digest,
    atMs,
  };
}

function neededColumns(map: OutsideSetMap): readonly string[] {
  const { columns } = map;
  return [
    columns.id,
    ...(map.connection === undefined ? [columns.connection ?? 'connection'] : []),
    ...(columns.at === undefined ? [] : [columns.at]),
    ...(columns.digest === undefined ? [] : [columns.digest]),
    ...map.exclude.flatMap(({ where }) => Object.keys(where)),
  ];
}

/** `has`: the columns of its header, or of its first object. */
function checkColumns(file: string, map: OutsideSetMap, has: readonly string[]): void {
  const needed = neededColumns(map);
  const absent = needed.find((column) => !has.includes(column));
  if (absent !== undefined) {
    // Not which it has: without a header its first row would be shown, and that is a patient's.
    const found = `${has.length} ${has.length === 1 ? 'other' : 'others'}`;
    throw new OutsideFileProblem(`${file}: there is no column '${absent}', but ${found} → ${remedyFor(has)}`);
  }
  const twice = needed.find((column) => has.indexOf(column) !== has.lastIndexOf(column));
  if (twice === undefined) return;
  throw new OutsideFileProblem(`${file}: it has two columns '${twice}' → leave one of them in the file`);
}

/** One column whose name holds a separator: it is not the comma. */
function remedyFor(has: readonly string[]): string {
  const [only = '', ...others] = has;
  const separator = others.length > 0 ? undefined : [';', '\t', '|'].find((one) => only.includes(one));
  return separator === undefined
    ? 'name the columns as its first line does in a map: --map F'
    : `say its separator in the map, as \`delimiter: ${JSON.stringify(separator)}\``;
}

/** @throws OutsideFileProblem */
export async function* readIdMap(
  file: string,
  from: string,
  to: string,
): AsyncGenerator<{ readonly from: string; readonly to: string }, void, void> {
  const asLatin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
  const check = (has: readonly string[]): void => {
    const absent = [from, to].find((column) => has.filter((one) => one === column).length !== 1);
    if (absent === undefined) return;
    throw new OutsideFileProblem(`${file}: there is not one column '${absent}' → correct \`ids\` in the map`);
  };
  for await (const fields of csvRecords(file, ',', check)) {
    yield { from: asLatin1(fields[from] ?? ''), to: asLatin1(fields[to] ?? '') };
  }
}

function recordsOf(file: string, map: OutsideSetMap): AsyncIterable<Fields> {
  const { format, delimiter } = map;
  const isNdjson = format === undefined ? /\.(ndjson|jsonl)$/.test(file) : format === 'ndjson';
  return isNdjson ? ndjsonRecords(file) : csvRecords(file, delimiter, (has) => checkColumns(file, map, has));
}

/** `check`: of the header, also where no row follows. */
async function* csvRecords(
  file: string,
  delimiter: string,
  check: (has: readonly string[]) => void,
): AsyncGenerator<Fields, void, void> {
  const input = createReadStream(file, { highWaterMark: 1024 * 1024 });
  const columns = (header: string[]): string[] => {
    check(header);
    return header;
  };
  const parser = input.pipe(
    parse({ delimiter, columns, bom: true, skip_empty_lines: true, relax_column_count_less: true }),
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
      yield fieldsOf(JSON.parse(line === 1 ? text.replace(/^\ufeff/, '') : text, asWritten));
    }
  } catch (error) {
    throw error instanceof SyntaxError
      ? new OutsideFileProblem(`${file}: line ${line} is no JSON → one object a line`)
      : problemOf(file, error);
  } finally {
    input.destroy();
  }
}

/** A number of more digits than a program keeps (20260601120000123) is an id like any other. */
function asWritten(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value;
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
