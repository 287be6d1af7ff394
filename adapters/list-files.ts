/**
 * Lists that people keep: CSV, YAML, and workbooks of a spreadsheet program. A workbook is an archive that can be made to
 * unpack to anything, so it is unpacked once for its size alone, against a limit, before anything reads it.
 */
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import readWorkbook from 'read-excel-file/node';
import { LineCounter, parseDocument } from 'yaml';
import { fromBuffer, type ZipFile } from 'yauzl';
import { z } from 'zod';
import type { List, Row } from '../core/import/list/read-list.ts';

const FILE_LIMIT_BYTES = 32 * 1024 * 1024;
const UNPACKED_LIMIT_BYTES = 128 * 1024 * 1024;
const ENTRIES_LIMIT = 2_000;
const ROWS_LIMIT = 50_000;

export type ListFailure = {
  readonly ok: false;
  readonly line: number;
  readonly message: string;
  readonly remedy: string;
};
export type ListResult = { readonly ok: true; readonly value: List } | ListFailure;

export const LIST_EXTENSIONS = ['.csv', '.tsv', '.xlsx', '.yaml', '.yml'] as const;

export async function readListFile(file: string, sheet: string | null): Promise<ListResult> {
  const { size } = await stat(file);
  if (size > FILE_LIMIT_BYTES)
    return failure(0, `it has ${size} bytes, more than the ${FILE_LIMIT_BYTES} that a list may have`, 'split it');
  const bytes = await readFile(file);
  const result = await readKind(extname(file).toLowerCase(), bytes, sheet);
  if (result.ok && result.value.rows.length > ROWS_LIMIT)
    return failure(0, `it has more than ${ROWS_LIMIT} rows`, 'split it');
  return result;
}

function readKind(extension: string, bytes: Buffer, sheet: string | null): ListResult | Promise<ListResult> {
  switch (extension) {
    case '.xlsx':
      return readXlsx(bytes, sheet);
    case '.yaml':
    case '.yml':
      return readYaml(decoded(bytes).text);
    default:
      return readCsv(decoded(bytes));
  }
}

function failure(line: number, message: string, remedy: string): ListFailure {
  return { ok: false, line, message, remedy };
}

const csvRecords = z.array(z.object({ record: z.record(z.string(), z.string()), info: z.object({ lines: z.int() }) }));

type Decoded = { readonly text: string; readonly charset: string };

/** Spreadsheet programs save as UTF-8, as UTF-16 with a mark, or in the Windows code page, and do not say which. */
function decoded(bytes: Buffer): Decoded {
  for (const charset of ['utf-16le', 'utf-16be'] as const) {
    const mark = charset === 'utf-16le' ? [0xff, 0xfe] : [0xfe, 0xff];
    if (mark.every((byte, index) => bytes[index] === byte))
      return { text: new TextDecoder(charset).decode(bytes), charset };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), charset: 'utf-8' };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { text: new TextDecoder('windows-1252').decode(bytes), charset: 'windows-1252' };
  }
}

const DELIMITERS = [';', '\t', ',', '|'];

/** Outside of quotes; `sep=;` in the first line is a spreadsheet program's own word for it. */
function delimiterOf(firstLine: string): string {
  const told = /^sep=(.)$/i.exec(firstLine)?.[1];
  if (told !== undefined) return told;
  const bare = firstLine.replace(/"[^"]*"/g, '');
  return DELIMITERS.toSorted((a, b) => bare.split(b).length - bare.split(a).length)[0] ?? ',';
}

function readCsv({ text, charset }: Decoded): ListResult {
  const [firstLine = ''] = text.split(/\r\n|\n|\r/, 1);
  const delimiter = delimiterOf(firstLine);
  const isTold = /^sep=.$/i.test(firstLine);
  let header: string[] = [];
  try {
    const records = parseCsv(text, {
      bom: true,
      from_line: isTold ? 2 : 1,
      delimiter,
      trim: true,
      skip_empty_lines: true,
      info: true,
      columns: (names: string[]) => {
        header = names.map((name) => name.trim());
        const twice = header.find((name, index) => name !== '' && header.indexOf(name) !== index);
        if (twice !== undefined) throw new Error(`it has two columns '${twice}'`);
        return header;
      },
    });
    const rows = csvRecords.parse(records).map(({ record, info }): Row => ({ line: info.lines, cells: record }));
    const kind = charset === 'utf-8' ? 'list (CSV)' : `list (CSV, read as ${charset})`;
    return { ok: true, value: { kind, header, rows } };
  } catch (error) {
    if (error instanceof z.ZodError || !(error instanceof Error)) throw error;
    const line = 'lines' in error && typeof error.lines === 'number' ? error.lines : 0;
    return failure(line, `it is no CSV: ${error.message}`, 'correct this line, or save the list again');
  }
}

const yamlRows = z.array(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])));

function readYaml(text: string): ListResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken !== undefined)
    return failure(lines.linePos(broken.pos[0]).line, broken.message, 'mend the YAML at this line');
  const parsed = yamlRows.safeParse(document.toJS({ maxAliasCount: 1000 }));
  if (!parsed.success)
    return failure(1, 'it is no list of rows', 'write `- { practice: …, direction: …, … }`, one a connection');
  const rows = parsed.data.map((row, index): Row => {
    const node = document.getIn([index], true);
    const offset =
      typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)
        ? Number(node.range[0])
        : 0;
    const cells = Object.fromEntries(
      Object.entries(row).map(([key, value]) => [key, value === null ? '' : String(value)]),
    );
    return { line: lines.linePos(offset).line, cells };
  });
  const header = [...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))];
  return { ok: true, value: { kind: 'list (YAML)', header, rows } };
}

async function readXlsx(bytes: Buffer, sheet: string | null): Promise<ListResult> {
  const tooLarge = await unpackedTooLarge(bytes);
  if (tooLarge !== null) return failure(0, tooLarge, 'save the list as a workbook of its own, or as CSV');
  try {
    const sheets = await readWorkbook(bytes);
    const found = sheet === null ? sheets[0] : sheets.find((each) => each.sheet === sheet);
    if (found === undefined)
      return failure(0, `it has no sheet '${sheet}'`, `its sheets are ${sheets.map((each) => each.sheet).join(', ')}`);
    const [head = [], ...body] = found.data;
    const header = head.map((cell) => textOfCell(cell).trim());
    const rows = body.map(
      (cells, index): Row => ({
        line: index + 2,
        cells: Object.fromEntries(header.map((name, column) => [name, textOfCell(cells[column])])),
      }),
    );
    const filled = rows.filter(({ cells }) => Object.values(cells).some((text) => text.trim() !== ''));
    return {
      ok: true,
      value: {
        kind: `list (workbook, sheet ${found.sheet})`,
        header: header.filter((name) => name !== ''),
        rows: filled,
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failure(0, `it is no workbook that can be read: ${reason}`, 'save it again as .xlsx, or as CSV');
  }
}

function textOfCell(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  return cell instanceof Date ? cell.toISOString() : String(cell);
}

/** Unpacks every entry once and counts: what an archive says of its own sizes is not believed. */
async function unpackedTooLarge(bytes: Buffer): Promise<string | null> {
  let archive: ZipFile;
  try {
    archive = await new Promise<ZipFile>((resolve, reject) =>
      fromBuffer(bytes, { lazyEntries: true }, (error, zip) => (error === null ? resolve(zip) : reject(error))),
    );
  } catch (error) {
    return `it is no workbook: ${error instanceof Error ? error.message : String(error)}`;
  }
  let entries = 0;
  let total = 0;
  return new Promise<string | null>((resolve) => {
    const refuse = (message: string): void => {
      archive.close();
      resolve(message);
    };
    archive.on('error', (error: Error) => refuse(`its archive is damaged: ${error.message}`));
    archive.on('end', () => resolve(null));
    archive.on('entry', (entry) => {
      if (++entries > ENTRIES_LIMIT) return refuse(`its archive has more than ${ENTRIES_LIMIT} parts`);
      archive.openReadStream(entry, (error, stream) => {
        if (error !== null) return refuse(`its archive is damaged: ${error.message}`);
        stream.on('error', (broken: Error) => refuse(`its archive is damaged: ${broken.message}`));
        stream.on('data', (chunk: Buffer) => {
          total += chunk.length;
          if (total <= UNPACKED_LIMIT_BYTES) return;
          stream.destroy();
          refuse(`it unpacks to more than ${UNPACKED_LIMIT_BYTES} bytes`);
        });
        stream.on('end', () => archive.readEntry());
      });
    });
    archive.readEntry();
  });
}
