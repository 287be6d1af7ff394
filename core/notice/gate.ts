/**
 * A gate that says no, and the one that says go again afterwards. A gate is asked often before its night: it is told where
 * it is red by a criterion that was not red when these connections were asked before.
 */
import { counted } from '../count-words.ts';
import { type Notice, namesShown } from './notice.ts';

export type GateSaid = {
  readonly verdict: 'green' | 'red';
  readonly criteria: readonly { readonly id: string; readonly verdict: 'green' | 'red' | 'waived' }[];
};
export type GateSource = {
  readonly deployment: string;
  readonly stack: string;
  readonly operator: string;
  readonly at: string;
  readonly waves: readonly string[];
  readonly connections: readonly string[];
};

/** `before`: of the same connections; null: they were never asked. Null: nobody needs to hear of it. */
export function noticeOfGate(now: GateSaid, before: GateSaid | null, source: GateSource): Notice | null {
  const reds = redsOf(now);
  const known = new Set(before === null ? [] : redsOf(before));
  const isNews = now.verdict === 'red' ? reds.some((id) => !known.has(id)) : before?.verdict === 'red';
  if (!isNews) return null;
  const { deployment, stack, operator, at, waves, connections } = source;
  const count = counted(connections.length, 'connection');
  return {
    events: ['red'],
    level: now.verdict === 'red' ? 'bad' : 'good',
    title: now.verdict === 'red' ? `gate: no go for ${count}` : `gate: go again for ${count}`,
    facts: [
      ['stack', `${deployment}, ${stack}`],
      ['wave', waves.join(', ')],
      ['by', operator],
      ['at', at],
      ...(reds.length > 0 ? [['red', reds.join(', ')] as const] : []),
      ['asked for', namesShown(connections)],
    ],
  };
}

function redsOf({ criteria }: GateSaid): string[] {
  return criteria.flatMap(({ id, verdict }) => (verdict === 'red' ? [id] : []));
}
