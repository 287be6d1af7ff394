/**
 * The stack config: what changes (`stacks/Pulumi.<stack>.yaml`). An entry names the epoch that it creates, so an old
 * checkout can never undo what others did: `judgeEntry` is the one place that says what an entry means beside a
 * gateway's route.
 */
import { z } from 'zod';
import { describeRoute, MAX_NEW_WEIGHT, type Move } from './connection.ts';
import { presentName } from './former-names.ts';
import { type Failed, formatPath, type Path, parseYaml } from './located-yaml.ts';
import { PHASES, type Route } from './platform.ts';

export const PROJECT = 'lab-cutover';
export const ROUTES_KEY = `${PROJECT}:routes`;
export const LAYER_KEY = `${PROJECT}:layer`;
export const INVENTORY_KEY = `${PROJECT}:inventory`;
export const LAYERS = ['platform', 'edge', 'routes'] as const;

export const routeEntrySchema = z.strictObject({
  phase: z.enum(PHASES),
  newWeight: z.int().min(0).max(MAX_NEW_WEIGHT).default(0).describe('share of keys that new owns, in parallel only'),
  epoch: z.int().min(1).describe('the epoch that this entry creates'),
  approval: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'an approval is named sha256: and 64 hex digits')
    .optional(),
  reason: z.string().min(1).optional().describe('needed for a move towards legacy'),
});
export type RouteEntry = z.output<typeof routeEntrySchema>;

const pulumiValue = z.unknown();

export const stackConfigSchema = z.looseObject({
  config: z
    .object({
      [LAYER_KEY]: z.enum(LAYERS),
      [INVENTORY_KEY]: z
        .string()
        .min(1)
        .optional()
        .describe('path from the project folder; default stacks/<stack>/inventory.yaml'),
      [ROUTES_KEY]: z.record(z.string(), routeEntrySchema).default({}),
    })
    .catchall(pulumiValue),
});

export type StackConfig = {
  readonly layer: (typeof LAYERS)[number];
  readonly inventory: string | null;
  readonly routes: Readonly<Record<string, RouteEntry>>;
};

/** `newWeight: 010` is 8 to Pulumi, which reads YAML 1.1, and 10 to YAML 1.2: the verbs and the program would see two routes. */
const LEADING_ZERO = /^[-+]?0\d/;

export function parseStackConfig(
  text: string,
  file: string,
): { readonly ok: true; readonly value: StackConfig } | Failed {
  const parsed = parseYaml(text, file, stackConfigSchema);
  if (!parsed.ok) return parsed;
  const path: Path = ['config', ROUTES_KEY];
  const problems = parsed
    .numbersUnder(path)
    .filter(({ source }) => LEADING_ZERO.test(source))
    .map(({ source, value, line }) => ({
      file,
      line,
      path: formatPath(path),
      message: `${source} is one number to Pulumi and another to the verbs`,
      remedy: `write it without the zero in front (${value})`,
    }));
  if (problems.length > 0) return { ok: false, problems };
  const { config } = parsed.value;
  return {
    ok: true,
    value: { layer: config[LAYER_KEY], inventory: config[INVENTORY_KEY] ?? null, routes: config[ROUTES_KEY] },
  };
}

/** Each entry under the name that its connection has now, unless there is one under that name. `renamed`: former name → name. */
export function underPresentNames(config: StackConfig, renamed: ReadonlyMap<string, string>): StackConfig {
  const routes = Object.entries(config.routes);
  const former = routes.map(([name, entry]) => [presentName(renamed, name), entry] as const);
  const present = routes.filter(([name]) => !renamed.has(name));
  return { ...config, routes: Object.fromEntries([...former, ...present]) };
}

export function stackConfigJsonSchema(): object {
  return z.toJSONSchema(stackConfigSchema, { io: 'input' });
}

export type EntryJudgement =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'move'; readonly move: Move }
  | { readonly kind: 'refused'; readonly code: 'stale' | 'wrong-epoch'; readonly message: string };

/** `changed`: who made the gateway's present epoch and when, for the message. */
export function judgeEntry(
  connection: string,
  entry: RouteEntry,
  route: Route,
  changed: { readonly by: string; readonly at: string } | null,
): EntryJudgement {
  if (entry.epoch === route.epoch + 1) {
    const { phase, newWeight, reason } = entry;
    return { kind: 'move', move: { phase, newWeight, expectedEpoch: route.epoch, reason } };
  }
  if (entry.epoch === route.epoch && entry.phase === route.phase && entry.newWeight === route.newWeight) {
    return { kind: 'nothing' };
  }
  const wanted = `${describeRoute(entry)} at epoch ${entry.epoch}`;
  const actual = `${describeRoute(route)} at epoch ${route.epoch}`;
  const by = changed === null ? '' : ` (made by ${changed.by} at ${changed.at})`;
  if (entry.epoch < route.epoch) {
    const message = `${connection}: the entry (${wanted}) is stale: the gateway has ${actual}${by}; run 'cutover sync', which writes what is true`;
    return { kind: 'refused', code: 'stale', message };
  }
  const message = `${connection}: the entry (${wanted}) does not follow the gateway's route (${actual}${by}); a change must name epoch ${route.epoch + 1}: write that, or run 'cutover sync'`;
  return { kind: 'refused', code: 'wrong-epoch', message };
}
