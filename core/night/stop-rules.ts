/**
 * Stop rules: what, since a connection's switch, says that it has to go back. A rule stops its own connection; only where
 * the same rule stops most of what was switched together is there a shared cause, and a reason to take the wave back.
 */

import type { ConnectionStatus } from '../admin-api.ts';
import { counted } from '../count-words.ts';
import type { Switched } from './night-file.ts';

export type StopRule = 'destination-rejects' | 'new-rejects' | 'unanswered' | 'no-outputs' | 'decisions';

export type Stop = { readonly name: string; readonly rule: StopRule; readonly reason: string };

/** Fewer are an accident of one message. */
const FEW = 3;
const SHARE = 0.05;

export function stopsOf(status: ConnectionStatus, { counters: before }: Switched): readonly Stop[] {
  const { name, counters, decisions } = status;
  const since = (key: keyof typeof counters): number => Math.max(0, counters[key] - before[key]);
  const [received, outputs, delivered] = [since('received'), since('outputs'), since('delivered')];
  const isMany = (count: number, of: number): boolean => count >= FEW && count > of * SHARE;
  const stops: Stop[] = [];
  const stop = (rule: StopRule, reason: string): void => void stops.push({ name, rule, reason });
  const [destinationRejected, rejected, unanswered] = [
    since('destinationRejected'),
    since('rejected'),
    since('unanswered'),
  ];
  if (isMany(destinationRejected, outputs))
    stop(
      'destination-rejects',
      `its destination has rejected ${counted(destinationRejected, 'output')} since the switch`,
    );
  if (isMany(rejected, received))
    stop('new-rejects', `new has rejected ${counted(rejected, 'message')} since the switch`);
  if (isMany(unanswered, received))
    stop('unanswered', `${counted(unanswered, 'message')} had no answer since the switch`);
  if (received - rejected - unanswered >= FEW * 3 && delivered === 0 && destinationRejected === 0)
    stop('no-outputs', `${counted(received, 'message')} came since the switch, and not one output was delivered`);
  if (decisions > 0) stop('decisions', `${decisions} of its messages wait for a decision`);
  return stops;
}

export type Advice = {
  readonly stops: readonly Stop[];
  /** The rule that stops most of those that were switched; null: each is a case of its own. */
  readonly sharedCause: StopRule | null;
};

/** `watched`: how many were switched and are watched. */
export function adviceOn(stops: readonly Stop[], watched: number): Advice {
  const byRule = Map.groupBy(stops, ({ rule }) => rule);
  const shared = [...byRule].find(([, own]) => own.length >= FEW && own.length * 2 > watched);
  return { stops, sharedCause: shared?.[0] ?? null };
}
