/** Inputs and outputs of `cutover:index:Route`. No credential is among them, and no output moves by itself. */
import { z } from 'zod';
import { PHASES, PLATFORMS } from '../../core/platform.ts';
import { routeEntrySchema } from '../../core/stack-config.ts';
import { type Outcome, refused } from './outcome.ts';

export const ROUTE_TYPE = 'cutover:index:Route';

export const routeInputsSchema = z.strictObject({
  name: z.string().min(1).describe('of the connection'),
  admin: z.url({ protocol: /^https$/ }).describe("the gateway's admin API"),
  shard: z.int().min(0),
  deployment: z.string().min(1),
  ...routeEntrySchema.shape,
  unclassifiedEffects: z.array(z.string()).readonly().default([]).describe('from the inventory: block `parallel`'),
  hasWeightKey: z.boolean().default(true).describe('from the inventory: needed for a weight'),
});
export type RouteInputs = z.output<typeof routeInputsSchema>;

export const routeOutputsSchema = z.object({
  name: z.string(),
  phase: z.enum(PHASES),
  newWeight: z.int(),
  epoch: z.int(),
  control: z.enum(PLATFORMS),
  deployment: z.string(),
  shard: z.int(),
  incarnation: z.string().optional().describe('absent in a preview'),
});
export type RouteOutputs = z.output<typeof routeOutputsSchema>;

/** A change of any of these is a change of the route or of where it is; the rest describes or explains. */
export const ROUTE_KEYS = ['name', 'admin', 'shard', 'deployment', 'phase', 'newWeight', 'epoch'] as const;

export function parseRouteInputs(properties: unknown): Outcome<RouteInputs> {
  const parsed = routeInputsSchema.safeParse(properties);
  if (parsed.success) return { ok: true, value: parsed.data };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(inputs)'}: ${issue.message}`);
  return refused(problems.join('; '));
}

/** Names of the inputs by which two routes differ. */
export function changedRouteKeys(olds: RouteInputs, news: RouteInputs): (typeof ROUTE_KEYS)[number][] {
  return ROUTE_KEYS.filter((key) => olds[key] !== news[key]);
}
