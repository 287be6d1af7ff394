/** The longest that each connection has made its sender wait, over all of its moves, whatever it was called then. */
import { presentName } from '../former-names.ts';
import type { Pause } from '../war-room/feed.ts';

/** `renamed`: former name → name. */
export function longestPauses(
  pauses: readonly Pick<Pause, 'connection' | 'pauseMs'>[],
  renamed: ReadonlyMap<string, string>,
): Map<string, number> {
  const found = new Map<string, number>();
  for (const { connection, pauseMs } of pauses) {
    const name = presentName(renamed, connection);
    found.set(name, Math.max(found.get(name) ?? 0, pauseMs));
  }
  return found;
}
