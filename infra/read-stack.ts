/** Reads what the stack wants (its config) and what is there (its inventory); all problems of both at once. */
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import pulumi from '@pulumi/pulumi';
import { EDGE_KEY, type EdgeStack, PATHS_KEY, parseEdgeStack } from '../core/edge/edge-config.ts';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { type Failed, formatProblem, type Located } from '../core/located-yaml.ts';
import { PLATFORM_KEY, type PlatformStack, parsePlatformStack } from '../core/platform-config.ts';
import {
  INVENTORY_KEY,
  LAYER_KEY,
  LAYERS,
  parseStackConfig,
  ROUTES_KEY,
  type StackConfig,
} from '../core/stack-config.ts';
import { projectFolder } from './project-folder.ts';

const PROJECT_FOLDER = projectFolder(import.meta.dirname);

/** The values of one layer's config, by key, as the engine holds them: they can come from another file (`--config-file`). */
type ConfigValue = readonly [key: string, read: (config: pulumi.Config, name: string) => unknown];

const TEXT = (config: pulumi.Config, name: string): unknown => config.get(name);
const OBJECT = (config: pulumi.Config, name: string): unknown => config.getObject<unknown>(name);

/** What decides which parser reads the rest. */
export function readLayer(): StackConfig['layer'] {
  const layer = new pulumi.Config().get('layer');
  return LAYERS.find((known) => known === layer) ?? readStackConfig().layer;
}

/** Throws one error that lists every problem with file, line, path and remedy. */
export function readStackConfig(): StackConfig {
  return read(parseStackConfig, [
    [LAYER_KEY, TEXT],
    [INVENTORY_KEY, TEXT],
    [ROUTES_KEY, OBJECT],
  ]);
}

export function readEdgeStack(): EdgeStack {
  return read(parseEdgeStack, [
    [LAYER_KEY, TEXT],
    [INVENTORY_KEY, TEXT],
    [EDGE_KEY, OBJECT],
    [PATHS_KEY, OBJECT],
  ]);
}

export function readPlatformStack(): PlatformStack {
  return read(parsePlatformStack, [
    [LAYER_KEY, TEXT],
    [INVENTORY_KEY, TEXT],
    [PLATFORM_KEY, OBJECT],
  ]);
}

type Parse<T> = (text: string, file: string) => { readonly ok: true; readonly value: T } | Failed;

function read<T>(parse: Parse<T>, values: readonly ConfigValue[]): T {
  const config = new pulumi.Config();
  const document = {
    config: dropUndefined(
      Object.fromEntries(values.map(([key, value]) => [key, value(config, key.slice(key.indexOf(':') + 1))])),
    ),
  };
  const parsed = parse(JSON.stringify(document), 'the stack config');
  if (parsed.ok) return parsed.value;
  throw new pulumi.RunError(describe(`stack '${pulumi.getStack()}'`, locate(parse, parsed.problems)));
}

/** The config can come from another file (`--config-file`), so lines are taken from the stack's own only where it has these problems. */
function locate<T>(parse: Parse<T>, problems: readonly Located[]): readonly Located[] {
  const file = `stacks/Pulumi.${pulumi.getStack()}.yaml`;
  const path = join(PROJECT_FOLDER, file);
  const located = problems.map((problem) => ({ ...problem, file }));
  if (existsSync(path)) {
    const own = parse(readFileSync(path, 'utf8'), file);
    const keyOf = ({ path: place, message }: Located): string => `${place} ${message}`;
    const known = new Set(own.ok ? [] : own.problems.map(keyOf));
    if (!own.ok && problems.every((problem) => known.has(keyOf(problem)))) return own.problems;
  }
  return located.map((problem) => ({ ...problem, line: 0 }));
}

export type InventoryRead = { readonly file: string; readonly inventory: Inventory; readonly text: string };

/** `stackConfig`: of any layer; edge and platform name the inventory of the routes stack. */
export function readInventory(stackConfig: { readonly inventory: string | null }): InventoryRead {
  const file = stackConfig.inventory ?? `stacks/${pulumi.getStack()}/inventory.yaml`;
  const path = isAbsolute(file) ? file : join(PROJECT_FOLDER, file);
  if (!existsSync(path)) {
    throw new pulumi.RunError(`${file}: there is no inventory → write it, or point ${INVENTORY_KEY} at it`);
  }
  const text = readFileSync(path, 'utf8');
  const parsed = parseInventory(text, file);
  if (parsed.ok) return { file, inventory: parsed.value, text };
  throw new pulumi.RunError(describe(file, parsed.problems));
}

function describe(what: string, problems: readonly Located[]): string {
  return [`${what} cannot be used:`, ...problems.map((problem) => `  ${formatProblem(problem)}`)].join('\n');
}

function dropUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
