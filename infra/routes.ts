/**
 * The layer `routes`: one Route per entry of the stack config and one verified Gateway per shard. Routes do not depend
 * on the Gateways, so that an update targeted at routes touches nothing else.
 */
import pulumi from '@pulumi/pulumi';
import { renamedOf } from '../core/former-names.ts';
import type { Connection, Inventory } from '../core/inventory.ts';
import { formatProblem } from '../core/located-yaml.ts';
import { ROUTES_KEY, type StackConfig } from '../core/stack-config.ts';
import { Gateway, Route } from './cutover-resources.ts';
import { readInventory } from './read-stack.ts';

export function routesLayer(stackConfig: StackConfig): { gateways: object } {
  const { file, inventory } = readInventory(stackConfig);
  refuseUnknownEntries(stackConfig, inventory, file);
  // The SDK takes a stack trace, mapped through source maps, for every promise of every resource: half of this program's
  // time with 250 routes. Nobody reads them: what goes wrong with a route is told by its provider.
  Error.stackTraceLimit = 0;
  warnOfMissingEntries(stackConfig, inventory);

  const gateways = inventory.gateways.map(({ shard, admin }) => {
    const gateway = new Gateway(`shard-${shard}`, {
      admin,
      shard,
      deployment: inventory.deployment,
      target: inventory.target,
      ...portsOf(inventory, shard),
    });
    return { shard, admin: gateway.admin, incarnation: gateway.incarnation, version: gateway.version };
  });
  for (const connection of inventory.connections) declareRoute(connection, stackConfig, inventory);
  return { gateways };
}

function declareRoute(connection: Connection, stackConfig: StackConfig, inventory: Inventory): void {
  const entry = stackConfig.routes[connection.name];
  if (entry === undefined) return;
  const { name, shard, unclassifiedEffects, weightKey, previousNames } = connection;
  const gateway = inventory.gateways.find((candidate) => candidate.shard === shard);
  if (gateway === undefined) throw new pulumi.RunError(`${name}: no gateway has shard ${shard}`);
  const { admin } = gateway;
  const { deployment } = inventory;
  const args = { ...entry, name, admin, shard, deployment, unclassifiedEffects, hasWeightKey: weightKey !== null };
  const aliases = previousNames.map((previous) => ({ name: previous }));
  new Route(name, args, { protect: true, aliases });
}

function portsOf(
  inventory: Inventory,
  shard: number,
): Pick<ConstructorParameters<typeof Gateway>[1], 'feeds' | 'legs'> {
  const feeds = inventory.feeds.filter((feed) => feed.shard === shard).map(({ name, port }) => [name, port] as const);
  const legs = inventory.connections
    .filter((connection) => connection.shard === shard)
    .map(({ name, legs }) => [name, { legacy: legs.legacy.port, new: legs.new.port }] as const);
  return { feeds: Object.fromEntries(feeds), legs: Object.fromEntries(legs) };
}

function refuseUnknownEntries(stackConfig: StackConfig, inventory: Inventory, file: string): void {
  const known = new Set(inventory.connections.map(({ name }) => name));
  const renamed = renamedOf(inventory.connections);
  const problems = Object.keys(stackConfig.routes)
    .filter((name) => !known.has(name))
    .map((name) => {
      const newName = renamed.get(name);
      const remedy =
        newName === undefined
          ? `declare it in ${file}, or remove the entry`
          : `rename the entry to '${newName}' (cutover sync does)`;
      const place = { file: `stacks/Pulumi.${pulumi.getStack()}.yaml`, line: 0, path: `config.${ROUTES_KEY}.${name}` };
      return formatProblem({ ...place, message: 'the inventory has no connection of this name', remedy });
    });
  if (problems.length > 0) throw new pulumi.RunError(problems.join('\n'));
}

const NAMED = 5;

function warnOfMissingEntries(stackConfig: StackConfig, inventory: Inventory): void {
  const missing = inventory.connections
    .map(({ name }) => name)
    .filter((name) => stackConfig.routes[name] === undefined);
  if (missing.length === 0) return;
  const message = `without an entry in ${ROUTES_KEY}, so without a Route: ${missing.slice(0, NAMED).join(', ')}${missing.length > NAMED ? ` and ${missing.length - NAMED} more` : ''}; 'cutover sync' writes them`;
  void pulumi.log.warn(message);
}
