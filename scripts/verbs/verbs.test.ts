import { describe, expect, test } from 'vitest';
import { statusExample } from '../../core/connection-status.example.ts';
import type { ConnectionSnapshot, Snapshot } from '../../core/plan.ts';
import type { Phase } from '../../core/platform.ts';
import type { Args } from '../runner/flags.ts';
import { VERBS } from './index.ts';

const PHASES: readonly (readonly [Phase, number])[] = [
  ['legacy', 0],
  ['parallel', 0],
  ['parallel', 30],
  ['switched', 0],
  ['decommissioned', 0],
];

/** One column for each of PHASES: where it leads, `stay`, or why it is refused. */
const TABLE: readonly { readonly verb: string; readonly args?: Args; readonly from: readonly string[] }[] = [
  { verb: 'parallel', from: ['parallel 0', 'stay', 'stay', 'illegal-move', 'illegal-move'] },
  { verb: 'switch', from: ['illegal-move', 'switched 0', 'switched 0', 'stay', 'illegal-move'] },
  {
    verb: 'switch',
    args: { weight: 40 },
    from: ['illegal-move', 'parallel 40', 'parallel 40', 'illegal-move', 'illegal-move'],
  },
  {
    verb: 'switch',
    args: { weight: 10 },
    from: ['illegal-move', 'parallel 10', 'reason-missing', 'illegal-move', 'illegal-move'],
  },
  {
    verb: 'switch',
    args: { weight: 0, reason: 'r' },
    from: ['illegal-move', 'stay', 'parallel 0', 'illegal-move', 'illegal-move'],
  },
  { verb: 'rollback', args: { reason: 'r' }, from: ['stay', 'stay', 'parallel 0', 'parallel 0', 'illegal-move'] },
  { verb: 'cancel', from: ['stay', 'legacy 0', 'illegal-move', 'illegal-move', 'illegal-move'] },
  { verb: 'decommission', from: ['illegal-move', 'illegal-move', 'illegal-move', 'decommissioned 0', 'stay'] },
  { verb: 'sync', from: ['stay', 'stay', 'stay', 'stay', 'stay'] },
];

describe.each(TABLE)('$verb $args', ({ verb, args = {}, from }) => {
  test.each(
    PHASES.map(([phase, newWeight], index) => ({ phase, newWeight, expected: from[index] })),
  )('from $phase $newWeight: $expected', ({ phase, newWeight, expected }) => {
    expect(decide(verb, args, phase, newWeight)).toBe(expected);
  });
});

test('every verb explains itself with examples that name it', () => {
  for (const [name, verb] of Object.entries(VERBS)) {
    expect(verb.summary).not.toBe('');
    expect(verb.examples).not.toEqual([]);
    for (const example of verb.examples) expect(example).toMatch(new RegExp(`^cutover ${name}\\b`));
  }
});

function decide(name: string, args: Args, phase: Phase, newWeight: number): string {
  const verb = VERBS[name];
  if (verb?.kind !== 'move') throw new Error(`${name} is no verb that moves`);
  const verdict = verb.decide(snapshotOf(phase, newWeight), args);
  if (verdict.kind === 'refused') return verdict.refusal.code;
  const { moves, refused, alreadyThere } = verdict.plan;
  const [move] = moves;
  if (move !== undefined) return `${move.to.phase} ${move.to.newWeight}`;
  return alreadyThere.length > 0 ? 'stay' : (refused[0]?.code ?? 'nothing');
}

function snapshotOf(phase: Phase, newWeight: number): Snapshot {
  const route = { phase, newWeight, epoch: 7 };
  const item: ConnectionSnapshot = {
    name: 'a',
    direction: 'orders',
    practice: 'northside',
    wave: 'pilot',
    feed: 'a',
    shard: 0,
    facts: { name: 'a', unclassifiedEffects: [], hasWeightKey: true, origin: 'feed' as const },
    gateway: {
      kind: 'read',
      status: statusExample(route, { candidate: null }),
    },
    entry: route,
    pulumi: route,
    ledgerEpoch: 7,
  };
  const systems = { pulumi: { kind: 'read' }, ledger: { kind: 'read' } } as const;
  return {
    stack: 'test',
    deployment: 'lab',
    target: 'local',
    connections: [item],
    differing: [],
    approvals: [],
    barred: new Map(),
    nowMs: Date.parse('2026-03-01T22:00:00Z'),
    soakMs: 0,
    ...systems,
  };
}
