/**
 * What moves of a connection without a feed (origin: platform) rest on: that the owner is stopped, which a person attests, and
 * that nobody else sends. Gateway and verbs ask the same functions; the gateway's answer counts.
 */

import type { ConnectionStatus, PlatformOriginStatus } from './admin-api.ts';
import type { MoveVerb } from './connection.ts';
import { counted } from './count-words.ts';
import { controlOf, otherPlatform, type Platform, type Route } from './platform.ts';

type NotStopped = { readonly reason: string; readonly next: readonly string[] };

/** What stands in the way of a move that nobody forces; null: nothing that only a person can change. */
export function notStopped(
  name: string,
  verb: MoveVerb,
  route: Pick<Route, 'phase' | 'epoch'>,
  origin: PlatformOriginStatus,
): NotStopped | null {
  const owner = controlOf(route);
  const stranger = otherPlatform(owner);
  const { refused } = origin[stranger];
  if (refused > 0) return { reason: strangerSends(stranger, refused), next: nextSteps(name, verb, stranger) };
  if (verb !== 'switch' && verb !== 'rollback') return null;
  const { stopped, heardAt } = origin[owner];
  if (stopped !== null && stopped.epoch === route.epoch) return null;
  const heard = heardAt === null ? '' : `; it has sent last at ${heardAt}`;
  const reason = `nobody has attested in epoch ${route.epoch} that ${owner} is stopped${heard}`;
  return { reason, next: nextSteps(name, verb, owner) };
}

/** A platform sends that does not own the connection: red until somebody has dealt with it. Null: it has a feed, or none does. */
export function strangerIn({
  name,
  phase,
  platformOrigin,
}: Pick<ConnectionStatus, 'name' | 'phase' | 'platformOrigin'>): {
  readonly reason: string;
  readonly next: string;
} | null {
  const stranger = otherPlatform(controlOf({ phase }));
  const refused = strangersMessages({ phase, platformOrigin });
  if (refused === 0) return null;
  return { reason: strangerSends(stranger, refused), next: stopOf(name, stranger) };
}

/** What was refused of the platform that does not own it, since somebody said that it is stopped; 0 as well where it has a feed. */
export function strangersMessages({
  phase,
  platformOrigin,
}: Pick<ConnectionStatus, 'phase' | 'platformOrigin'>): number {
  return platformOrigin === undefined ? 0 : platformOrigin[otherPlatform(controlOf({ phase }))].refused;
}

function strangerSends(platform: Platform, refused: number): string {
  const what = counted(refused, 'message was', 'messages were');
  return `${platform} sends and does not own it: ${what} refused, which it still keeps`;
}

function stopOf(name: string, platform: Platform): string {
  const attest = `cutover attest --connection ${name} --what stopped --platform ${platform} --by NAME --reason TEXT`;
  return `stop what polls in ${platform}, see what its queues and error stores keep, then: ${attest}`;
}

function nextSteps(name: string, verb: MoveVerb, platform: Platform): string[] {
  const stop = stopOf(name, platform);
  if (verb !== 'rollback') return [stop];
  return [stop, `where ${platform} cannot be stopped: cutover rollback --connection ${name} --force --reason TEXT`];
}
