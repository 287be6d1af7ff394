/**
 * Reads a YAML document against one schema. What is wrong is said with file, line, path and remedy, all at once,
 * so that a person mends a file in one round.
 */
import { type Document, isNode, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { sayIssue, sayUnknownKey } from './schema-words.ts';

export type Located = {
  readonly file: string;
  /** 1-based; 0 where the place is not in the file. */
  readonly line: number;
  /** As in `connections[3].feed.port`. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
};

/** A number as the file writes it. */
export type WrittenNumber = { readonly source: string; readonly value: number; readonly line: number };
export type Parsed<T> =
  | {
      readonly ok: true;
      readonly value: T;
      lineOf(path: Path): number;
      /** All of them below this path, keys left out. */
      numbersUnder(path: Path): readonly WrittenNumber[];
    }
  | Failed;
export type Failed = { readonly ok: false; readonly problems: readonly Located[] };
export type Path = readonly (string | number)[];

/** Enough for an anchor that every connection of a large lab uses several times. */
const ALIASES_LIMIT = 10_000;

/** `text` is the file's content, `file` its name for messages. */
export function parseYaml<S extends z.ZodType>(text: string, file: string, schema: S): Parsed<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    const { line } = lines.linePos(syntaxError.pos[0]);
    const remedy = 'mend the YAML at this line (indentation, quotes, duplicate keys)';
    return { ok: false, problems: [{ file, line, path: '', message: syntaxError.message, remedy }] };
  }
  const lineOf = (path: Path): number => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = document.getIn(path.slice(0, depth), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 0;
  };
  const numbersUnder = (path: Path): readonly WrittenNumber[] => {
    const numbers: WrittenNumber[] = [];
    const node = document.getIn(path, true);
    if (!isNode(node)) return numbers;
    visit(node, {
      Scalar: (key, { value, source = '', range }) => {
        if (key !== 'key' && typeof value === 'number')
          numbers.push({ source, value, line: lines.linePos(range?.[0] ?? 0).line });
      },
    });
    return numbers;
  };
  const content = expandAliases(document);
  if (content === null) {
    const message = `its aliases expand to more than ${ALIASES_LIMIT} values`;
    return { ok: false, problems: [{ file, line: 0, path: '', message, remedy: 'write them out, or use fewer' }] };
  }
  const result = schema.safeParse(content.value);
  if (result.success) return { ok: true, value: result.data, lineOf, numbersUnder };
  const read: Read = { schema, content: content.value };
  const problems = result.error.issues.flatMap((issue) =>
    flattenIssue(issue, read, []).map(({ path, message, remedy }) => ({
      file,
      line: lineOf(path),
      path: formatPath(path),
      message,
      remedy,
    })),
  );
  return { ok: false, problems };
}

/** Null where aliases of aliases would fill the memory. */
function expandAliases(document: Document): { readonly value: unknown } | null {
  try {
    return { value: document.toJS({ maxAliasCount: ALIASES_LIMIT }) };
  } catch (error) {
    if (error instanceof ReferenceError) return null;
    throw error;
  }
}

export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

/** One line a problem: `inventory.yaml:12: connections[0].port: … → …`. */
export function formatProblem(problem: Located): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}` : problem.file;
  return `${place}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message} → ${problem.remedy}`;
}

/** More than these are not read at once, and most are one mistake that was copied. */
const PROBLEMS_SAID = 20;

/** All of them, one line each; of very many the first ones, and how many more. */
export function formatProblems(problems: readonly Located[]): string {
  const lines = problems.slice(0, PROBLEMS_SAID).map(formatProblem);
  const more = problems.length - PROBLEMS_SAID;
  return [...lines, ...(more > 0 ? [`… and ${more} more: mend these and run it again`] : [])].join('\n');
}

type FlatIssue = { path: Path; message: string; remedy: string };
type Read = { readonly schema: z.ZodType; readonly content: unknown };

/** `above`: where the value stands that the issue's own path begins at. */
function flattenIssue(issue: z.core.$ZodIssue, read: Read, above: Path): FlatIssue[] {
  const path = [...above, ...issue.path.filter((part) => typeof part !== 'symbol')];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], ...sayUnknownKey(read.schema, path, key) }));
    case 'invalid_union': {
      const [closest] = issue.errors
        .filter((branch) => !branch.every((inner) => inner.code === 'invalid_type' && inner.path.length === 0))
        .map((branch) => branch.flatMap((inner) => flattenIssue(inner, read, path)))
        .sort(byLength);
      return closest ?? [{ path, message: issue.message, remedy: 'write one of the accepted forms' }];
    }
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, message, remedy: 'correct the key' }));
    case 'custom':
      return [{ path, message: issue.message, remedy: String(issue.params?.remedy ?? 'correct the value') }];
    default:
      return [{ path, ...sayIssue(issue, valueAt(read.content, path)) }];
  }
}

function valueAt(content: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, part)?.value : undefined,
    content,
  );
}

function byLength(a: FlatIssue[], b: FlatIssue[]): number {
  return a.length - b.length;
}
