/** What differs between the state and the program, property by property. */

import { canonicalJson } from '../../core/canonical-json.ts';
import { type GatewayInputs, parseGatewayInputs, verifyGateway } from './gateway-resource.ts';
import type { Gateways } from './gateways.ts';
import { type Outcome, refused } from './outcome.ts';
import { changedRouteKeys, parseRouteInputs } from './route-properties.ts';

type PropertyChange = {
  readonly property: string;
  readonly kind: 'add' | 'delete' | 'update';
  readonly isInput: boolean;
};
/** Empty: nothing to do. Nothing here ever needs a replacement. */
export type ResourceDiff = readonly PropertyChange[];

type Properties = Readonly<Record<string, unknown>>;

/** Without a change of the route itself, its reason and approval change nothing: they explained a move that was made. */
export function diffRoute(oldInputs: Properties, newInputs: Properties): Outcome<ResourceDiff> {
  const news = parseRouteInputs(newInputs);
  if (!news.ok) return news;
  const olds = parseRouteInputs(oldInputs);
  if (!olds.ok) return { ok: true, value: [{ property: 'name', kind: 'update', isInput: true }] };
  const changed = changedRouteKeys(olds.value, news.value);
  if (changed.length === 0) return { ok: true, value: [] };
  const explanations = (['approval', 'reason'] as const).flatMap((property): PropertyChange[] => {
    const [before, after] = [olds.value[property], news.value[property]];
    if (before === after) return [];
    return [
      { property, kind: before === undefined ? 'add' : after === undefined ? 'delete' : 'update', isInput: true },
    ];
  });
  const routes = changed.map((property): PropertyChange => ({ property, kind: 'update', isInput: true }));
  return { ok: true, value: [...routes, ...explanations] };
}

/** Looks at the gateway as well: another version, incarnation or port is a change to verify, silence a warning. */
export async function diffGateway(
  gateways: Gateways,
  oldInputs: Properties,
  oldOutputs: Properties,
  newInputs: Properties,
  warn: (message: string) => void,
): Promise<Outcome<ResourceDiff>> {
  const news = parseGatewayInputs(newInputs);
  if (!news.ok) return news;
  const olds = parseGatewayInputs(oldInputs);
  const changed = changedGatewayKeys(olds.ok ? olds.value : null, news.value);
  if (changed.length > 0) {
    return { ok: true, value: changed.map((property) => ({ property, kind: 'update', isInput: true })) };
  }
  const verified = await verifyGateway(gateways, news.value);
  if (!verified.ok) {
    if (verified.isUnknown !== true) return refused(verified.message);
    warn(`not verified: ${verified.message}`);
    return { ok: true, value: [] };
  }
  const { incarnation, version } = verified.value;
  const moved = Object.entries({ incarnation, version }).filter(([name, value]) => oldOutputs[name] !== value);
  return { ok: true, value: moved.map(([property]) => ({ property, kind: 'update', isInput: false })) };
}

function changedGatewayKeys(olds: GatewayInputs | null, news: GatewayInputs): string[] {
  if (olds === null) return ['admin'];
  const { admin, shard, deployment, target, feeds, legs } = news;
  const differs = (before: Parameters<typeof canonicalJson>[0], after: Parameters<typeof canonicalJson>[0]): boolean =>
    canonicalJson(before) !== canonicalJson(after);
  const keys: string[] = [];
  if (olds.admin !== admin) keys.push('admin');
  if (olds.shard !== shard) keys.push('shard');
  if (olds.deployment !== deployment) keys.push('deployment');
  if (olds.target !== target) keys.push('target');
  if (differs(olds.feeds, feeds)) keys.push('feeds');
  if (differs(olds.legs, legs)) keys.push('legs');
  return keys;
}
