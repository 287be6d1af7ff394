/** Reads what the stack wants (its config) and what is there (its inventory); all problems of both at once. */
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import pulumi from '@pulumi/pulumi';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { formatProblem, type Located } from '../core/located-yaml.ts';
import { INVENTORY_KEY, LAYER_KEY, parseStackConfig, ROUTES_KEY, type StackConfig } from '../core/stack-config.ts';
import { projectFolder } from './project-folder.ts';

const PROJECT_FOLDER = projectFolder(import.meta.dirname);

/** Throws one error that lists every problem with file, line, path and remedy. */
export function readStackConfig(): StackConfig {
  const config = new pulumi.Config();
  const document = {
    config: dropUndefined({
      [LAYER_KEY]: config.get('layer'),
      [INVENTORY_KEY]: config.get('inventory'),
      [ROUTES_KEY]: config.getObject<unknown>('routes'),
    }),
  };
  const file = `stacks/Pulumi.${pulumi.getStack()}.yaml`;
  const parsed = parseStackConfig(JSON.stringify(document), 'the stack config');
  if (parsed.ok) return parsed.value;
  throw new pulumi.RunError(describe(`stack '${pulumi.getStack()}'`, locate(file, parsed.problems)));
}

/** The config can come from another file (`--config-file`), so lines are taken from the stack's own only where it has these problems. */
function locate(file: string, problems: readonly Located[]): readonly Located[] {
  const path = join(PROJECT_FOLDER, file);
  if (existsSync(path)) {
    const own = parseStackConfig(readFileSync(path, 'utf8'), file);
    const keyOf = ({ path: place, message }: Located): string => `${place} ${message}`;
    const known = new Set(own.ok ? [] : own.problems.map(keyOf));
    if (!own.ok && problems.every((problem) => known.has(keyOf(problem)))) return own.problems;
  }
  return problems.map((problem) => ({ ...problem, line: 0 }));
}

export function readInventory(stackConfig: StackConfig): { readonly file: string; readonly inventory: Inventory } {
  const file = stackConfig.inventory ?? `stacks/${pulumi.getStack()}/inventory.yaml`;
  const path = isAbsolute(file) ? file : join(PROJECT_FOLDER, file);
  if (!existsSync(path)) {
    throw new pulumi.RunError(`${file}: there is no inventory → write it, or point ${INVENTORY_KEY} at it`);
  }
  const parsed = parseInventory(readFileSync(path, 'utf8'), file);
  if (parsed.ok) return { file, inventory: parsed.value };
  throw new pulumi.RunError(describe(file, parsed.problems));
}

function describe(what: string, problems: readonly Located[]): string {
  return [`${what} cannot be used:`, ...problems.map((problem) => `  ${formatProblem(problem)}`)].join('\n');
}

function dropUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
