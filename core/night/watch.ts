/**
 * What stays on watch after a switch: a practice is proven when a real message of the new epoch was delivered on every
 * connection of it that was switched, orders and results. And the sums of the first morning, by practice.
 */
import type { ConnectionStatus } from '../admin-api.ts';
import type { Switched } from './night-file.ts';

export type Watched = {
  readonly status: ConnectionStatus;
  readonly practice: string;
  readonly direction: 'orders' | 'results';
  /** Null: not switched by a verb of this project, or moved since. */
  readonly since: Switched | null;
};

export type OnWatch = {
  readonly practice: string;
  readonly unproven: readonly string[];
  readonly directions: readonly string[];
};

export function onWatch(all: readonly Watched[]): readonly OnWatch[] {
  const switched = all.filter(({ status }) => status.phase === 'switched');
  return [...Map.groupBy(switched, ({ practice }) => practice)].flatMap(([practice, own]): OnWatch[] => {
    const open = own.filter(({ status }) => status.observed === null || status.observed.epoch !== status.epoch);
    if (open.length === 0) return [];
    const directions = [...new Set(open.map(({ direction }) => direction))].sort();
    return [{ practice, unproven: open.map(({ status }) => status.name).sort(), directions }];
  });
}

export type MorningLine = {
  readonly name: string;
  readonly practice: string;
  readonly direction: 'orders' | 'results';
  readonly since: string;
  readonly pauseMs: number | null;
  readonly received: number;
  readonly delivered: number;
  readonly destinationRejected: number;
  readonly rejected: number;
  readonly unanswered: number;
  readonly parked: number;
  readonly maybeSent: number;
  readonly decisions: number;
  readonly proven: boolean;
};

export function morningLines(all: readonly Watched[]): readonly MorningLine[] {
  return all.flatMap(({ status, practice, direction, since }): MorningLine[] => {
    if (since === null) return [];
    const { counters, name, decisions, observed, epoch } = status;
    const sum = (key: keyof typeof counters): number => Math.max(0, counters[key] - since.counters[key]);
    return [
      {
        name,
        practice,
        direction,
        since: since.at,
        pauseMs: since.pauseMs,
        received: sum('received'),
        delivered: sum('delivered'),
        destinationRejected: sum('destinationRejected'),
        rejected: sum('rejected'),
        unanswered: sum('unanswered'),
        parked: sum('parked'),
        maybeSent: sum('maybeSent'),
        decisions,
        proven: observed?.epoch === epoch,
      },
    ];
  });
}
