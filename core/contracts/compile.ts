/** A contract ready to be held against messages: paths read, patterns and structure compiled. */
import { createHash } from 'node:crypto';
import { TABLES } from '../hl7/dictionary.ts';
import { type FieldPath, parseFieldPath } from '../hl7/path.ts';
import type { Contract, FieldContract } from './contract.ts';
import { parseStructure, type Structure, StructureError } from './structure.ts';

const DIGEST_LENGTH = 8;

export type CompiledField = {
  /** As written. */
  readonly text: string;
  readonly path: FieldPath;
  readonly field: FieldContract;
  /** Of `values` and `table` together; null: any. */
  readonly values: ReadonlySet<string> | null;
  readonly pattern: RegExp | null;
};

export type CompiledCondition = {
  readonly name: string;
  /** The segment that it is about. */
  readonly segment: string;
  readonly when: readonly { readonly path: FieldPath; readonly values: ReadonlySet<string> }[];
  readonly must: readonly CompiledField[];
};

export type CompiledContract = {
  readonly name: string;
  /** Eight hex digits over its content. */
  readonly digest: string;
  readonly messages: ReadonlySet<string>;
  readonly versions: ReadonlySet<string> | null;
  readonly structure: Structure | null;
  readonly anywhere: ReadonlySet<string>;
  /** By segment. */
  readonly fields: ReadonlyMap<string, readonly CompiledField[]>;
  readonly conditions: readonly CompiledCondition[];
  readonly sameId: readonly { readonly path: FieldPath; readonly as: FieldPath; readonly text: string }[];
};

export type ContractProblem = {
  /** As in the file: `fields.OBX-5.table`. */
  readonly path: readonly string[];
  readonly message: string;
  readonly remedy: string;
};

export type ContractResult =
  | { readonly ok: true; readonly contract: CompiledContract }
  | { readonly ok: false; readonly problems: readonly ContractProblem[] };

export function compileContract(name: string, contract: Contract): ContractResult {
  const problems: ContractProblem[] = [];
  const structure = compileStructure(contract.structure, problems);
  const fields = new Map<string, CompiledField[]>();
  for (const [text, field] of Object.entries(contract.fields)) {
    const compiled = compileField(text, field, ['fields', text], problems);
    fields.set(compiled.path.segment, [...(fields.get(compiled.path.segment) ?? []), compiled]);
  }
  const conditions = contract.conditions.map((condition, index) => {
    const at = ['conditions', String(index)];
    const when = Object.entries(condition.when).map(([text, values]) => ({
      path: parseFieldPath(text),
      values: new Set(values),
    }));
    const [segment = '', ...others] = new Set(when.map(({ path }) => path.segment));
    if (segment === '' || others.length > 0) {
      const message = '`when` must speak of one segment';
      problems.push({ path: [...at, 'when'], message, remedy: 'name fields of one segment only' });
    }
    const must = Object.entries(condition.must).map(([text, field]) =>
      compileField(text, field, [...at, 'must', text], problems),
    );
    return { name: condition.name, segment, when, must };
  });
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    contract: {
      name,
      digest: createHash('sha256').update(JSON.stringify(contract)).digest('hex').slice(0, DIGEST_LENGTH),
      messages: new Set(contract.messages),
      versions: contract.versions === undefined ? null : new Set(contract.versions),
      structure,
      anywhere: new Set(contract.anywhere),
      fields,
      conditions,
      sameId: contract.sameId.map(({ path, as }) => ({
        path: parseFieldPath(path),
        as: parseFieldPath(as),
        text: `${path} as ${as}`,
      })),
    },
  };
}

function compileStructure(text: string | undefined, problems: ContractProblem[]): Structure | null {
  if (text === undefined) return null;
  try {
    return parseStructure(text);
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    problems.push({ path: ['structure'], message: error.message, remedy: 'write it as `MSH PID [PV1] { OBR {OBX} }`' });
    return null;
  }
}

function compileField(
  text: string,
  field: FieldContract,
  at: readonly string[],
  problems: ContractProblem[],
): CompiledField {
  const table = field.table === undefined ? null : TABLES[field.table];
  if (table === undefined) {
    const remedy = 'write its codes under `values`';
    problems.push({ path: [...at, 'table'], message: `the codes of table ${field.table} are not known`, remedy });
  }
  const values = field.values === undefined && !table ? null : new Set([...(field.values ?? []), ...(table ?? [])]);
  return { text, path: parseFieldPath(text), field, values, pattern: compilePattern(field.pattern, at, problems) };
}

function compilePattern(text: string | undefined, at: readonly string[], problems: ContractProblem[]): RegExp | null {
  if (text === undefined) return null;
  try {
    // By itself first: `a)|(?:b` would close the group that makes it stand for the whole.
    new RegExp(text, 'su');
    return new RegExp(`^(?:${text})$`, 'su');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problems.push({ path: [...at, 'pattern'], message: 'it is no regular expression', remedy: 'correct the pattern' });
    return null;
  }
}
