/** One file of `import --file`, whatever it is: an engine's export, or a list. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname, isAbsolute, relative, resolve } from 'node:path';
import { LIST_EXTENSIONS, readListFile } from '../../adapters/list-files.ts';
import { firstLineOf, readMirthExport } from '../../adapters/mirth-export.ts';
import type { Reading } from '../../core/import/flow.ts';
import { type ColumnMapping, NO_MAPPING, parseColumns } from '../../core/import/list/columns.ts';
import { readList } from '../../core/import/list/read-list.ts';
import { readExport } from '../../core/import/mirth/read-export.ts';
import { parseVariables } from '../../core/import/mirth/variables.ts';
import { withoutRepeats } from '../../core/import/repeats.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';

export type Source = { readonly reading: Reading; readonly sha256: string };

export async function readSources(args: Args, cwd: string): Promise<Source[]> {
  const files = args.file ?? [];
  if (files.length === 0) throw usage('what should be imported?', 'cutover import --file EXPORT.xml');
  const mapping = args.columns === undefined ? NO_MAPPING : await readMapping(resolve(cwd, args.columns));
  const variables =
    args.variables === undefined
      ? new Map<string, string>()
      : parseVariables(await readText(resolve(cwd, args.variables)));
  const includeDisabled = args['include-disabled'] === true;
  const sources: Source[] = [];
  for (const file of files)
    sources.push(await readSource(resolve(cwd, file), nameOf(file, cwd), { mapping, variables, includeDisabled }));
  const readings = withoutRepeats(sources.map(({ reading }) => reading));
  return sources.map((source, index) => ({ ...source, reading: readings[index] ?? source.reading }));
}

/** As a person would name it from here; the same from every folder of the project. */
function nameOf(file: string, cwd: string): string {
  const name = relative(cwd, resolve(cwd, file));
  return name.startsWith('..') || isAbsolute(name) ? file : name;
}

type Options = {
  readonly mapping: ColumnMapping;
  readonly variables: ReadonlyMap<string, string>;
  readonly includeDisabled: boolean;
};

async function readSource(path: string, file: string, options: Options): Promise<Source> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile())
    throw usage(`${file} is no file that can be read`, 'name an export or a list with --file');
  const sha256 = await digestOf(path);
  const extension = extname(path).toLowerCase();
  if (LIST_EXTENSIONS.some((known) => known === extension)) {
    const list = await readListFile(path, options.mapping.sheet ?? null);
    if (!list.ok) throw invalid(file, list);
    const reading = readList(file, list.value, options.mapping);
    const { header } = list.value;
    if (reading.counted === 0)
      throw usage(`${file} has no rows below its header`, 'export the list again: one row a connection');
    if (header.length > 0 && reading.notLookedAt.length === header.length)
      throw usage(
        `none of the columns of ${file} has a name that is known here: ${header.join(', ')}`,
        'say which is which: --columns FILE (docs/how-to/import-what-there-is.md has its form)',
      );
    return { sha256, reading };
  }
  const firstLine = await firstLineOf(path);
  if (!firstLine.startsWith('<')) {
    throw usage(
      `${file} is neither XML of an integration engine nor a list`,
      `lists end in ${LIST_EXTENSIONS.join(', ')}; exports begin with '<'`,
    );
  }
  const pieces = await readMirthExport(path);
  if (!pieces.ok) throw invalid(file, pieces);
  const reading = readExport(file, pieces.value, options);
  if (reading.counted === 0)
    throw usage(
      `${file} has no channel with connectors in it (${reading.kind})`,
      'export channels, a group of them, or the whole server',
    );
  return { sha256, reading };
}

function invalid(file: string, { line, message, remedy }: { line: number; message: string; remedy: string }): VerbStop {
  const where = line > 0 ? `${file}:${line}` : file;
  return new VerbStop(EXIT.usage, { code: 'unreadable', message: `${where}: ${message}`, next: [remedy] });
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function readMapping(file: string): Promise<ColumnMapping> {
  const parsed = parseColumns(await readText(file), file);
  if (parsed.ok) return parsed.value;
  throw new VerbStop(EXIT.usage, {
    code: 'mapping-invalid',
    message: formatProblems(parsed.problems),
    next: [`correct ${file}`],
  });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    throw usage(`${file} cannot be read${code}`, 'name a file that is there');
  }
}
