/**
 * One gateway as a Pulumi resource: nothing is created or started, its identity, version and ports are verified. It is
 * looked at in every preview and update that includes it; one that cannot be reached is a warning there, so that a
 * dead gateway never stands in the way of others, and an error where it was never verified or its entry changed.
 */
import { z } from 'zod';
import type { Info } from '../../core/admin-api.ts';
import type { Gateways } from './gateways.ts';
import { type Outcome, refused } from './outcome.ts';

export const GATEWAY_TYPE = 'cutover:index:Gateway';

const portPair = z.strictObject({ legacy: z.int(), new: z.int() });

export const gatewayInputsSchema = z.strictObject({
  admin: z.url({ protocol: /^https$/ }),
  shard: z.int().min(0),
  deployment: z.string().min(1),
  target: z.enum(['local', 'production']),
  feeds: z.record(z.string(), z.int()).describe('feed → port; 0: any'),
  legs: z.record(z.string(), portPair).describe('connection → ports'),
});
export type GatewayInputs = z.output<typeof gatewayInputsSchema>;

type GatewayOutputs = Pick<GatewayInputs, 'admin' | 'shard' | 'deployment' | 'target'> & {
  readonly incarnation: string;
  readonly version: string;
  readonly verifiedFeeds: number;
  readonly verifiedLegs: number;
};

export function parseGatewayInputs(properties: unknown): Outcome<GatewayInputs> {
  const parsed = gatewayInputsSchema.safeParse(properties);
  if (parsed.success) return { ok: true, value: parsed.data };
  return refused(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}

/** Asks the gateway and compares it with the inventory. */
export async function verifyGateway(gateways: Gateways, inputs: GatewayInputs): Promise<Outcome<GatewayOutputs>> {
  const info = await gateways.identify(inputs);
  if (!info.ok) return info;
  const differences = differencesOf(inputs, info.value);
  if (differences.length > 0) {
    const message = `gateway of shard ${inputs.shard} at ${inputs.admin} does not serve this inventory: ${differences.join('; ')}`;
    return refused(message, ['give the gateway this inventory and send it SIGHUP', 'correct the inventory']);
  }
  const { admin, shard, deployment, target } = inputs;
  const { incarnation, version } = info.value;
  const verified = {
    verifiedFeeds: Object.keys(inputs.feeds).length,
    verifiedLegs: Object.keys(inputs.legs).length * 2,
  };
  return { ok: true, value: { admin, shard, deployment, target, incarnation, version, ...verified } };
}

/** What is there now. Whether its ports fit is for the next preview to say, with the inventory as it is then. */
export async function readGateway(
  gateways: Gateways,
  inputs: GatewayInputs,
  outputs: Readonly<Record<string, unknown>>,
): Promise<Outcome<Readonly<Record<string, unknown>>>> {
  const info = await gateways.identify(inputs);
  if (!info.ok) return info;
  const { incarnation, version } = info.value;
  return { ok: true, value: { ...outputs, incarnation, version } };
}

function differencesOf(inputs: GatewayInputs, info: Info): string[] {
  const differences: string[] = [];
  const compare = (what: string, wanted: number, found: number | undefined): void => {
    if (found === undefined) differences.push(`${what} is not served`);
    else if (wanted !== 0 && wanted !== found) differences.push(`${what} is on port ${found}, not ${wanted}`);
  };
  if (info.target !== inputs.target) differences.push(`its target is ${info.target}, not ${inputs.target}`);
  for (const [name, port] of Object.entries(inputs.feeds)) compare(`feed ${name}`, port, info.feeds[name]);
  for (const [name, ports] of Object.entries(inputs.legs)) {
    compare(`leg legacy of ${name}`, ports.legacy, info.legs[name]?.legacy);
    compare(`leg new of ${name}`, ports.new, info.legs[name]?.new);
  }
  return differences;
}
