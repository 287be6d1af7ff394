/** The diff rules and data contracts of a project, as the worker and the verbs use them: both read the same way. */
import { join } from 'node:path';
import type { Authority } from '../core/approval.ts';
import { type CompiledContract, compileContract } from '../core/contracts/compile.ts';
import { contractSchema } from '../core/contracts/contract.ts';
import type { Connection, Inventory } from '../core/inventory.ts';
import type { Located } from '../core/located-yaml.ts';
import { formatPath } from '../core/located-yaml.ts';
import { checkRules, compileRules } from '../core/rules/compile.ts';
import type { CompiledRules } from '../core/rules/compiled.ts';
import { type RulesFile, rulesFileSchema } from '../core/rules/rule.ts';
import { needsSignature, signatureFault } from '../core/rules/signed.ts';
import { readRuleSignature } from './rule-signatures.ts';
import { readLocalSigners } from './signers-file.ts';
import { readYamlFolder } from './yaml-folder.ts';

export type RuleFiles =
  | { readonly ok: true; readonly files: readonly RulesFile[] }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** `folder`: the project's; rules are in `stacks/rules`. */
export async function readRuleFiles(folder: string): Promise<RuleFiles> {
  const read = await readYamlFolder(join(folder, 'stacks', 'rules'), rulesFileSchema);
  if (!read.ok) return read;
  const problems = checkRules(read.files.map(({ value }) => value)).map(({ file, rule, name, message, remedy }) => {
    const source = read.files[file];
    const path = ['rules', rule];
    return {
      file: source?.file ?? '',
      line: source?.lineOf(path) ?? 0,
      path: formatPath(path),
      message: `${name}: ${message}`,
      remedy,
    };
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, files: read.files.map(({ value }) => value) };
}

export type Contracts =
  | { readonly ok: true; readonly contracts: ReadonlyMap<string, CompiledContract> }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** By name, which is the file's: `stacks/contracts/lab-results.yaml` is `lab-results`. */
export async function readContracts(folder: string): Promise<Contracts> {
  const read = await readYamlFolder(join(folder, 'stacks', 'contracts'), contractSchema);
  if (!read.ok) return read;
  const contracts = new Map<string, CompiledContract>();
  const problems: Located[] = [];
  for (const { file, name, value, lineOf } of read.files) {
    const compiled = compileContract(name, value);
    if (compiled.ok) contracts.set(name, compiled.contract);
    else {
      problems.push(
        ...compiled.problems.map(({ path, message, remedy }) => ({
          file,
          line: lineOf(path.map((part) => (/^\d+$/.test(part) ? Number(part) : part))),
          path: formatPath(path),
          message,
          remedy,
        })),
      );
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, contracts };
}

/** Against whom signatures of rules are judged; null: they need none (target `local`). */
export type RuleSigning = { readonly authority: Authority | null; readonly nowMs: number } | null;

/** What production asks for; `folder`: the stack's, with its signers. */
export async function ruleSigningOf(
  { target, deployment }: Pick<Inventory, 'target' | 'deployment'>,
  folder: string,
  nowMs: number,
): Promise<RuleSigning> {
  if (target !== 'production') return null;
  const signers = await readLocalSigners(folder, deployment);
  return { authority: signers.kind === 'read' ? signers.authority : null, nowMs };
}

/** What a connection is judged by. */
export type Definitions = {
  /** Without those that lack a signature. */
  readonly ruleFiles: readonly RulesFile[];
  /** These accept nothing: why, by name. */
  readonly unsigned: ReadonlyMap<string, string>;
  /** By name of a connection, as of the day. */
  rulesOf(connection: string): CompiledRules;
  /** Null: the inventory names none. */
  contractOf(connection: string): CompiledContract | null;
};
export type DefinitionsResult =
  | { readonly ok: true; readonly value: Definitions }
  | { readonly ok: false; readonly problems: readonly Located[] };

/** `today`: `YYYY-MM-DD`; rules that have expired by then accept nothing. A contract that does not exist is a problem. */
export async function readDefinitions(
  folder: string,
  connections: readonly Pick<Connection, 'name' | 'contract'>[],
  today: string,
  signing: RuleSigning = null,
): Promise<DefinitionsResult> {
  const [rules, contracts] = await Promise.all([readRuleFiles(folder), readContracts(folder)]);
  const problems = [...(rules.ok ? [] : rules.problems), ...(contracts.ok ? [] : contracts.problems)];
  if (!rules.ok || !contracts.ok) return { ok: false, problems };
  const named = new Map(connections.map(({ name, contract }) => [name, contract]));
  for (const contract of new Set(named.values())) {
    if (contract === null || contracts.contracts.has(contract)) continue;
    const file = join(folder, 'stacks', 'contracts', `${contract}.yaml`);
    const message = `the inventory names the contract '${contract}', and there is none`;
    problems.push({ file, line: 0, path: '', message, remedy: 'write it, or correct `contract` in the inventory' });
  }
  if (problems.length > 0) return { ok: false, problems };
  const { ruleFiles, unsigned } = await signedOnly(folder, rules.files, signing);
  const compiled = new Map<string, CompiledRules>();
  return {
    ok: true,
    value: {
      ruleFiles,
      unsigned,
      rulesOf: (connection) => {
        const known = compiled.get(connection) ?? compileRules(ruleFiles, connection, today);
        compiled.set(connection, known);
        return known;
      },
      contractOf: (connection) => contracts.contracts.get(named.get(connection) ?? '') ?? null,
    },
  };
}

async function signedOnly(folder: string, files: readonly RulesFile[], signing: RuleSigning) {
  const unsigned = new Map<string, string>();
  if (signing === null) return { ruleFiles: files, unsigned };
  for (const rule of files.flatMap(({ rules }) => rules).filter(needsSignature)) {
    const signature = await readRuleSignature(folder, rule);
    const fault = signatureFault(rule, signature, signing.authority, signing.nowMs);
    if (fault !== null) unsigned.set(rule.name, fault);
  }
  const ruleFiles = files.map((file) => ({ ...file, rules: file.rules.filter(({ name }) => !unsigned.has(name)) }));
  return { ruleFiles, unsigned };
}
