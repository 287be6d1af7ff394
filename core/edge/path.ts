/**
 * Whether a feed's messages go through the gateway: the load balancer has one listener a feed with three targets, and the
 * path says which of them gets new TCP connections. The share of messages between the platforms is the gateway's own
 * affair; the load balancer only puts the gateway in or out.
 */
import { z } from 'zod';
import { PLATFORMS } from '../platform.ts';

export const pathEntrySchema = z.discriminatedUnion(
  'path',
  [
    z.strictObject({ path: z.literal('gateway') }),
    z.strictObject({
      path: z.literal('direct'),
      platform: z.enum(PLATFORMS).describe('the platform that sources reach without the gateway'),
    }),
  ],
  { error: 'a path is { path: gateway }, or { path: direct, platform: legacy | new }' },
);
export type PathEntry = z.output<typeof pathEntrySchema>;

/** Of a feed without an entry: as it was before the gateway. */
export const FIRST_PATH: PathEntry = { path: 'direct', platform: 'legacy' };

export const TARGETS = ['direct-legacy', 'gateway', 'direct-new'] as const;
export type Target = (typeof TARGETS)[number];
export type TargetWeights = Readonly<Record<Target, number>>;

const ALL = 100;

/** Every target is always named, also with weight 0: that is what is read back. */
export function weightsOf(entry: PathEntry): TargetWeights {
  const chosen = targetOf(entry);
  return {
    'direct-legacy': chosen === 'direct-legacy' ? ALL : 0,
    gateway: chosen === 'gateway' ? ALL : 0,
    'direct-new': chosen === 'direct-new' ? ALL : 0,
  };
}

export function targetOf(entry: PathEntry): Target {
  switch (entry.path) {
    case 'gateway':
      return 'gateway';
    case 'direct':
      return `direct-${entry.platform}`;
  }
}

/**
 * What a listener's weights, as read back, mean. Null where they are none of the three paths: a target that is missing is
 * not a target with weight 0 (providers have dropped a 0), and a mixture is a listener that someone is in the middle of.
 */
export function pathOf(weights: Readonly<Partial<Record<Target, number>>>): PathEntry | null {
  const known = TARGETS.map((target) => weights[target]);
  if (known.some((weight) => weight === undefined)) return null;
  const [chosen, ...others] = TARGETS.filter((target) => (weights[target] ?? 0) > 0);
  if (chosen === undefined || others.length > 0) return null;
  switch (chosen) {
    case 'gateway':
      return { path: 'gateway' };
    case 'direct-legacy':
      return { path: 'direct', platform: 'legacy' };
    case 'direct-new':
      return { path: 'direct', platform: 'new' };
  }
}

export function describePath(entry: PathEntry): string {
  return entry.path === 'gateway' ? 'gateway' : `direct to ${entry.platform}`;
}

export function samePath(a: PathEntry, b: PathEntry): boolean {
  return describePath(a) === describePath(b);
}
