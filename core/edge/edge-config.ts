/**
 * The stack config of the layer `edge` (`stacks/Pulumi.<env>-edge.yaml`): where the network is, where both platforms are,
 * and the path of each feed. What the feeds are is read from the inventory of the routes stack.
 */
import { z } from 'zod';
import { DURATION_PATTERN, parseDurationMs } from '../duration.ts';
import type { Inventory } from '../inventory.ts';
import { type Failed, formatPath, type Located, type Path, parseYaml } from '../located-yaml.ts';
import { INVENTORY_KEY, LAYER_KEY, PROJECT } from '../stack-config.ts';
import { listeningFeedsOf } from './load-balancers.ts';
import { pathEntrySchema } from './path.ts';

export const EDGE_KEY = `${PROJECT}:edge`;
export const PATHS_KEY = `${PROJECT}:paths`;

/** `production` → `production-edge`: the stack that holds the paths of the feeds of a routes stack. */
export function edgeStackOf(stack: string): string {
  return `${stack}-edge`;
}

export const awsPlace = {
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'an AWS region, as in us-east-1'),
  accountId: z
    .string()
    .regex(/^\d{12}$/, 'an AWS account id has 12 digits (quote it)')
    .describe('nothing is done in any other account'),
  vpcId: z.string().regex(/^vpc-[0-9a-z-]+$/, 'as in vpc-0a1b2c3d'),
  subnetIds: z
    .array(z.string().regex(/^subnet-[0-9a-z-]+$/, 'as in subnet-0a1b2c3d'))
    .min(2)
    .describe('private ones, in two zones or more'),
};

const MINUTE_MS = 60_000;
const range = z.cidrv4({ error: 'a range of addresses, as in 10.20.0.0/16' });
const address = z.ipv4({ error: 'an IPv4 address, as in 10.30.0.10' });
const servicePort = z.int().min(1).max(65_535);

const health = z
  .discriminatedUnion('protocol', [
    z.strictObject({ protocol: z.literal('tcp'), port: servicePort }),
    z.strictObject({
      protocol: z.enum(['http', 'https']),
      port: servicePort,
      path: z.string().startsWith('/').default('/'),
    }),
  ])
  .describe('asked by the load balancer; never an MLLP port, where every probe would be a connection of a sender');

const platform = z.strictObject({
  addresses: z.array(address).min(1).describe('of the servers of this platform that sources reach'),
  health,
});

/** AWS takes 60 to 6000 seconds for TCP; senders keep a connection open over nights without a message. */
const idleTimeout = bounded('6000s', MINUTE_MS, 100 * MINUTE_MS, 'from 60s to 6000s, as AWS has it');
const deregistrationDelay = bounded('60s', 0, 60 * MINUTE_MS, 'at most 3600s, as AWS has it');

const edgeSchema = z.strictObject({
  ...awsPlace,
  sourceRanges: z
    .array(range)
    .min(1)
    .refine((ranges) => !ranges.includes('0.0.0.0/0'), 'sources are known networks, never 0.0.0.0/0')
    .describe('networks that sources connect from'),
  operatorRanges: z
    .array(range)
    .min(1)
    .refine((ranges) => !ranges.includes('0.0.0.0/0'), 'operators are in known networks, never 0.0.0.0/0')
    .describe('networks from which the admin API is reached'),
  zone: z
    .strictObject({ id: z.string().regex(/^Z[0-9A-Z]+$/, 'a Route 53 hosted zone id'), name: z.string().min(3) })
    .describe('private DNS zone in which platforms and load balancers get their names'),
  platforms: z.strictObject({ legacy: platform, new: platform }),
  gateway: z.strictObject({
    namespace: z.string().min(1).default('cutover'),
    adminPort: servicePort.default(7443).describe('its /readyz is the health check'),
    podRanges: z.array(range).min(1).describe('networks in which pods of the gateway get their addresses'),
  }),
  idleTimeout,
  deregistrationDelay,
});
export type EdgeConfig = z.output<typeof edgeSchema>;

export const edgeStackSchema = z.looseObject({
  config: z
    .object({
      [LAYER_KEY]: z.literal('edge'),
      [INVENTORY_KEY]: z.string().min(1).describe('path from the project folder to the inventory of the routes stack'),
      [EDGE_KEY]: edgeSchema,
      [PATHS_KEY]: z.record(z.string(), pathEntrySchema).default({}).describe('by feed; absent: direct to legacy'),
    })
    .catchall(z.unknown()),
});

export type EdgeStack = {
  readonly inventory: string;
  readonly edge: EdgeConfig;
  readonly paths: Readonly<Record<string, z.output<typeof pathEntrySchema>>>;
};

export function parseEdgeStack(text: string, file: string): { readonly ok: true; readonly value: EdgeStack } | Failed {
  const parsed = parseYaml(text, file, edgeStackSchema);
  if (!parsed.ok) return parsed;
  const { config } = parsed.value;
  return {
    ok: true,
    value: { inventory: config[INVENTORY_KEY], edge: config[EDGE_KEY], paths: config[PATHS_KEY] },
  };
}

/** What only shows beside the inventory: paths of feeds that there are not, and health checks that would open MLLP ports. */
export function edgeClashes(stack: EdgeStack, inventory: Inventory, file: string): readonly Located[] {
  const problem = (path: Path, message: string, remedy: string): Located => ({
    file,
    line: 0,
    path: formatPath(path),
    message,
    remedy,
  });
  const feeds = new Set(inventory.feeds.map(({ name }) => name));
  const unknown = Object.keys(stack.paths)
    .filter((name) => !feeds.has(name))
    .map((name) =>
      problem(['config', PATHS_KEY, name], 'the inventory has no feed of this name', 'correct it, or remove the entry'),
    );
  const probing = (['legacy', 'new'] as const).flatMap((name) => {
    const { port } = stack.edge.platforms[name].health;
    const feed = inventory.feeds.find(({ platforms }) => platforms[name].port === port);
    if (feed === undefined) return [];
    const message = `port ${port} is the MLLP port of '${feed.name}' at ${name}: each probe would be a connection of a sender`;
    return [
      problem(['config', EDGE_KEY, 'platforms', name, 'health', 'port'], message, 'name a port that speaks no MLLP'),
    ];
  });
  const dialled = inventory.feeds
    .filter(({ name, dial }) => dial !== null && stack.paths[name] !== undefined)
    .map(({ name }) =>
      problem(
        ['config', PATHS_KEY, name],
        'the gateway dials the sender of this feed, so no load balancer is in its path',
        'remove the entry',
      ),
    );
  const listening = listeningFeedsOf(inventory);
  const unnumbered = listening
    .filter(({ port }) => port === 0)
    .map(({ name }) => problem([], `feed '${name}' has port 0`, 'give it a port of its own in the inventory'));
  const { adminPort } = stack.edge.gateway;
  const clashing = listening
    .filter(({ port }) => port === adminPort)
    .map(({ name }) =>
      problem(['config', EDGE_KEY, 'gateway', 'adminPort'], `is the port of feed '${name}'`, 'name the admin port'),
    );
  return [...unknown, ...dialled, ...probing, ...unnumbered, ...clashing];
}

export function edgeConfigJsonSchema(): object {
  return z.toJSONSchema(edgeStackSchema, { io: 'input' });
}

function bounded(standard: string, leastMs: number, mostMs: number, bounds: string) {
  return z
    .string()
    .regex(DURATION_PATTERN, 'a duration is a whole number and a unit: 250ms, 10s, 5m, 2h, 7d')
    .transform((text) => parseDurationMs(text) ?? 0)
    .refine((ms) => ms >= leastMs && ms <= mostMs && ms % 1000 === 0, `whole seconds ${bounds}`)
    .prefault(standard)
    .describe(`whole seconds ${bounds}`);
}
