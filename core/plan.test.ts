import { describe, expect, test } from 'vitest';
import type { ConnectionStatus } from './admin-api.ts';
import { statusExample } from './connection-status.example.ts';
import { type ConnectionSnapshot, type PlanRequest, planMoves, type Snapshot } from './plan.ts';
import type { Route } from './platform.ts';

describe('given a snapshot, when a verb is decided', () => {
  test('then every connection that can move does, in the order of the inventory', () => {
    const plan = planOf(snapshot([at('a', PARALLEL), at('b', PARALLEL)]), SWITCH);
    expect(plan.moves.map(({ name, to }) => [name, to.phase, to.epoch])).toEqual([
      ['a', 'switched', 3],
      ['b', 'switched', 3],
    ]);
  });

  test('then one that is there already is no move and no refusal', () => {
    const plan = planOf(snapshot([at('a', SWITCHED)]), SWITCH);
    expect(plan).toMatchObject({ moves: [], refused: [], alreadyThere: [{ name: 'a' }], steps: [] });
  });

  test('then an illegal one is refused by name, with the legal next steps, and the others go on', () => {
    const plan = planOf(snapshot([at('a', LEGACY), at('b', PARALLEL)]), SWITCH);
    expect(plan.moves.map(({ name }) => name)).toEqual(['b']);
    expect(plan.refused).toMatchObject([
      { name: 'a', code: 'illegal-move', next: ['cutover parallel --connection a'] },
    ]);
  });

  test('then a verb never does what another verb is for', () => {
    const request = {
      ...SWITCH,
      wish: () => ({ kind: 'route', phase: 'parallel', newWeight: 0, verbs: ['parallel'] }) as const,
    };
    const plan = planOf(snapshot([at('a', SWITCHED)]), { ...request, reason: 'by mistake' });
    expect(plan).toMatchObject({
      moves: [],
      refused: [{ code: 'illegal-move', message: expect.stringContaining('rollback') }],
    });
  });

  test('then one whose gateway is unreachable, or that is not steady, is left out', () => {
    const dead: ConnectionSnapshot = {
      ...at('a', PARALLEL),
      gateway: { kind: 'unavailable', code: 'unreachable', message: 'no answer', next: ['check it'] },
    };
    const plan = planOf(snapshot([dead, at('b', PARALLEL, { state: 'held' })]), SWITCH);
    expect(plan.refused.map(({ name, code }) => [name, code])).toEqual([
      ['a', 'unreachable'],
      ['b', 'not-steady'],
    ]);
    expect(plan.refused[1]?.next).toEqual(['cutover release --connection b']);
  });

  test('then production wants an approval on file for a switch, not for a rollback', () => {
    const onFile = {
      digest: 'sha256:1',
      target: 'switched',
      connections: [{ name: 'b', fromEpoch: 2 }],
      maxWeight: 0,
      signatures: 2,
      evidence: 'sha256:e',
      notAfter: '2026-03-02T04:00:00Z',
      isOver: false,
    };
    const production = {
      ...snapshot([at('a', PARALLEL), at('b', PARALLEL)]),
      target: 'production' as const,
      approvals: [onFile],
    };
    const plan = planOf(production, SWITCH);
    expect(plan.refused).toMatchObject([{ name: 'a', code: 'approval-missing' }]);
    expect(plan.moves).toMatchObject([{ name: 'b', approval: 'sha256:1' }]);
    const back = planOf({ ...production, connections: [at('a', SWITCHED)] }, ROLLBACK);
    expect(back.moves).toMatchObject([{ name: 'a', approval: null }]);
  });
});

describe('records that are behind', () => {
  test.each([
    { what: 'no entry', item: { ...at('a', LEGACY), entry: null } },
    { what: 'an older entry', item: { ...at('a', SWITCHED), entry: PARALLEL } },
    { what: 'no Route in the state', item: { ...at('a', LEGACY), pulumi: null } },
    { what: 'an older state', item: { ...at('a', SWITCHED), pulumi: PARALLEL } },
    { what: 'a ledger without the epoch', item: { ...at('a', SWITCHED), ledgerEpoch: 2 } },
  ])('$what: brought up, without a move', ({ item }) => {
    const plan = planOf(snapshot([item]), { ...SWITCH, verb: 'sync', wish: () => ({ kind: 'stay' }) });
    expect(plan).toMatchObject({ moves: [], behind: ['a'] });
    expect(plan.steps.some(({ pointOfNoReturn }) => pointOfNoReturn)).toBe(false);
    expect(plan.steps.map(({ kind }) => kind)).not.toContain('ledger-intent');
  });

  test('what could not be read is not taken for behind', () => {
    const item: ConnectionSnapshot = { ...at('a', SWITCHED), pulumi: 'unknown', ledgerEpoch: 'unknown' };
    expect(planOf(snapshot([item]), SWITCH).behind).toEqual([]);
  });
});

describe('systems that are down', () => {
  const down = { kind: 'unavailable', message: 'connection refused' } as const;

  test('a forward move is refused as a whole without ledger or Pulumi', () => {
    const without = (part: Partial<Snapshot>) => planMoves({ ...snapshot([at('a', PARALLEL)]), ...part }, SWITCH);
    expect(without({ ledger: down })).toMatchObject({ kind: 'refused', refusal: { code: 'ledger-unavailable' } });
    expect(without({ pulumi: down })).toMatchObject({ kind: 'refused', refusal: { code: 'pulumi-unavailable' } });
    expect(without({ ledger: { kind: 'not-configured' } }).kind).toBe('plan');
  });

  test('a rollback goes on without both, and moves the gateways first', () => {
    const plan = planOf({ ...snapshot([at('a', SWITCHED)]), ledger: down, pulumi: down }, ROLLBACK);
    expect(plan.steps[0]).toMatchObject({ kind: 'gateway-moves', pointOfNoReturn: true });
  });
});

test('a Plan has one point of no return, and the intent is recorded before it', () => {
  const kinds = planOf(snapshot([at('a', PARALLEL)]), SWITCH).steps;
  const turn = kinds.findIndex(({ pointOfNoReturn }) => pointOfNoReturn);
  expect(kinds.filter(({ pointOfNoReturn }) => pointOfNoReturn)).toHaveLength(1);
  expect(kinds.findIndex(({ kind }) => kind === 'ledger-intent')).toBeLessThan(turn);
  expect(kinds.slice(0, turn).every(({ reversible }) => reversible)).toBe(true);
});

test('a Plan speaks of the ledger only where there is one', () => {
  const kindsOf = (ledger: Snapshot['ledger'], request: PlanRequest): string => {
    const from = request === ROLLBACK ? SWITCHED : PARALLEL;
    return planOf({ ...snapshot([at('a', from)]), ledger }, request)
      .steps.map(({ kind }) => kind)
      .join();
  };
  for (const request of [SWITCH, ROLLBACK]) {
    expect(kindsOf({ kind: 'not-configured' }, request)).not.toContain('ledger');
    expect(kindsOf({ kind: 'not-configured' }, request)).toContain('commit');
    expect(kindsOf({ kind: 'skipped' }, request)).toContain('ledger-result');
  }
});

test('more refused ones than allowed refuse the whole verb', () => {
  const verdict = planMoves(snapshot([at('a', LEGACY), at('b', PARALLEL)]), { ...SWITCH, maxFailures: 0 });
  expect(verdict).toMatchObject({
    kind: 'refused',
    refusal: { code: 'too-many-refused', message: expect.stringContaining('a: ') },
  });
});

const LEGACY: Route = { phase: 'legacy', newWeight: 0, epoch: 1 };
const PARALLEL: Route = { phase: 'parallel', newWeight: 0, epoch: 2 };
const SWITCHED: Route = { phase: 'switched', newWeight: 0, epoch: 3 };

const SWITCH: PlanRequest = {
  verb: 'switch',
  order: 'pulumi-first',
  wish: () => ({ kind: 'route', phase: 'switched', newWeight: 0, verbs: ['switch'] }),
  reason: null,
  maxFailures: null,
};
const ROLLBACK: PlanRequest = {
  verb: 'rollback',
  order: 'gateways-first',
  wish: () => ({ kind: 'route', phase: 'parallel', newWeight: 0, verbs: ['rollback'] }),
  reason: 'results late',
  maxFailures: null,
};

function planOf(given: Snapshot, request: PlanRequest) {
  const verdict = planMoves(given, request);
  if (verdict.kind !== 'plan') throw new Error(`refused: ${verdict.refusal.message}`);
  return verdict.plan;
}

function snapshot(connections: readonly ConnectionSnapshot[]): Snapshot {
  return {
    stack: 'test',
    deployment: 'lab',
    target: 'local',
    connections,
    pulumi: { kind: 'read' },
    ledger: { kind: 'read' },
    differing: [],
    approvals: [],
    barred: new Map(),
    nowMs: Date.parse('2026-03-01T22:00:00Z'),
    soakMs: 0,
  };
}

/** Everything agrees with its gateway. */
function at(name: string, route: Route, status: Partial<ConnectionStatus> = {}): ConnectionSnapshot {
  return {
    name,
    direction: 'orders',
    practice: 'northside',
    wave: 'pilot',
    feed: name,
    shard: 0,
    facts: { name, unclassifiedEffects: [], hasWeightKey: true, origin: 'feed' as const },
    gateway: { kind: 'read', status: statusExample(route, { name, feed: name, ...status }) },
    entry: route,
    pulumi: route,
    ledgerEpoch: route.epoch,
  };
}
