import { describe, expect, test } from 'vitest';
import {
  type ConnectionState,
  decideMove,
  describeRoute,
  evolve,
  legalNextSteps,
  type Move,
  type MoveVerb,
  needsSignature,
  type RefusalCode,
  verbOf,
} from './connection.ts';
import { ORIGINS, PHASES, type Route } from './platform.ts';

const EPOCH = 7;
const WEIGHTS = [0, 1, 30, 60, 99];

/** The whole life of a connection, written out. What is not here is refused. */
const LEGAL_MOVES: Readonly<Record<string, readonly [MoveVerb, 'legacy' | 'new' | 'neither']>> = {
  'legacy → parallel': ['parallel', 'neither'],
  'parallel → legacy': ['cancel', 'neither'],
  'parallel → switched': ['switch', 'new'],
  'switched → parallel': ['rollback', 'legacy'],
  'switched → decommissioned': ['decommission', 'new'],
  // A share of the keys given to new …
  'parallel → parallel 1': ['weight', 'new'],
  'parallel → parallel 30': ['weight', 'new'],
  'parallel → parallel 60': ['weight', 'new'],
  'parallel → parallel 99': ['weight', 'new'],
  'parallel 1 → parallel 30': ['weight', 'new'],
  'parallel 1 → parallel 60': ['weight', 'new'],
  'parallel 1 → parallel 99': ['weight', 'new'],
  'parallel 30 → parallel 60': ['weight', 'new'],
  'parallel 30 → parallel 99': ['weight', 'new'],
  'parallel 60 → parallel 99': ['weight', 'new'],
  // … lowered …
  'parallel 99 → parallel 60': ['weight', 'legacy'],
  'parallel 99 → parallel 30': ['weight', 'legacy'],
  'parallel 99 → parallel 1': ['weight', 'legacy'],
  'parallel 60 → parallel 30': ['weight', 'legacy'],
  'parallel 60 → parallel 1': ['weight', 'legacy'],
  'parallel 30 → parallel 1': ['weight', 'legacy'],
  // … taken back whole, or made whole.
  'parallel 1 → parallel': ['rollback', 'legacy'],
  'parallel 30 → parallel': ['rollback', 'legacy'],
  'parallel 60 → parallel': ['rollback', 'legacy'],
  'parallel 99 → parallel': ['rollback', 'legacy'],
  'parallel 1 → switched': ['switch', 'new'],
  'parallel 30 → switched': ['switch', 'new'],
  'parallel 60 → switched': ['switch', 'new'],
  'parallel 99 → switched': ['switch', 'new'],
};

const NEXT_STEPS: Readonly<Record<string, readonly string[]>> = {
  legacy: ['cutover parallel'],
  parallel: ['cutover switch', 'cutover switch --weight N', 'cutover cancel'],
  'parallel with a weight': ['cutover switch', 'cutover switch --weight N', 'cutover rollback (sets the weight to 0)'],
  switched: ['cutover rollback', 'cutover decommission'],
  decommissioned: [],
};

type Target = Pick<Route, 'phase' | 'newWeight'>;
const ROUTES: readonly Target[] = [
  { phase: 'legacy', newWeight: 0 },
  ...WEIGHTS.map((newWeight) => ({ phase: 'parallel' as const, newWeight })),
  { phase: 'switched', newWeight: 0 },
  { phase: 'decommissioned', newWeight: 0 },
];
const PAIRS = ROUTES.flatMap((from) =>
  PHASES.flatMap((phase) => WEIGHTS.map((newWeight) => ({ from, to: { phase, newWeight } }))),
).map((pair) => ({ ...pair, name: `${short(pair.from)} → ${short(pair.to)}` }));

describe('given a connection in each phase and weight, when each phase and weight is asked for', () => {
  test.each(PAIRS)('then $name is moved, already there, or refused, as the table says', ({ from, to, name }) => {
    const decision = decideMove({ ...to, expectedEpoch: EPOCH, reason: 'a reason' }, given({ ...from, epoch: EPOCH }));
    const legal = LEGAL_MOVES[name];
    if (legal !== undefined) {
      const [verb, towards] = legal;
      expect(decision).toEqual({
        kind: 'accepted',
        event: { type: 'route-changed', verb, route: { ...to, epoch: EPOCH + 1 } },
        towards,
      });
    } else if (to.newWeight > 0 && to.phase !== 'parallel') {
      expectRefusal(decision, 'weight-out-of-range', from);
    } else if (short(from) === short(to)) {
      expect(decision).toEqual({ kind: 'already-there', route: { ...from, epoch: EPOCH } });
    } else {
      expectRefusal(decision, 'illegal-move', from);
    }
  });

  test('then the table is used up: no line of it names a move that is not tried', () => {
    const tried = new Set(PAIRS.map(({ name }) => name));
    expect(Object.keys(LEGAL_MOVES).filter((name) => !tried.has(name))).toEqual([]);
  });

  test.each(ROUTES)('then the next steps of $phase $newWeight name exactly the moves that are legal', (from) => {
    const possible = new Set(
      PAIRS.filter((pair) => pair.from === from).flatMap(({ name }) => LEGAL_MOVES[name]?.[0] ?? []),
    );
    const named = legalNextSteps({ ...from, epoch: EPOCH }, 'feed').map(verbOfCommand);
    expect([...new Set(named)].sort()).toEqual([...possible].sort());
  });
});

describe('given a connection at epoch 7, when a move expects another epoch', () => {
  test.each([1, 5, 6, 8, 100])('then expecting %i is refused as stale, naming both', (expectedEpoch) => {
    const decision = decideMove({ phase: 'switched', newWeight: 0, expectedEpoch }, at('parallel'));
    expectRefusal(decision, 'stale-epoch', { phase: 'parallel', newWeight: 0 });
    expect(messageOf(decision)).toContain('epoch 7 (parallel)');
    expect(messageOf(decision)).toContain(`expected epoch ${expectedEpoch}`);
  });

  test('then an illegal move is called stale first: what it was judged on is gone', () => {
    expectRefusal(
      decideMove({ phase: 'decommissioned', newWeight: 0, expectedEpoch: 3 }, at('legacy')),
      'stale-epoch',
      {
        phase: 'legacy',
        newWeight: 0,
      },
    );
  });

  test('then the same route asked for from the epoch before is the finished move, not a stale one', () => {
    const wish: Move = { phase: 'switched', newWeight: 0, expectedEpoch: EPOCH - 1 };
    expect(decideMove(wish, at('switched'))).toEqual({ kind: 'already-there', route: at('switched').route });
  });

  test.each([EPOCH - 2, EPOCH + 1])('then the same route asked for from epoch %i is stale', (expectedEpoch) => {
    const decision = decideMove({ phase: 'switched', newWeight: 0, expectedEpoch }, at('switched'));
    expectRefusal(decision, 'stale-epoch', { phase: 'switched', newWeight: 0 });
  });
});

describe('given a weight that no route can have, when it is asked for', () => {
  test.each([-1, 100, 1000, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('then %d is out of range', (newWeight) => {
    const decision = decideMove({ phase: 'parallel', newWeight, expectedEpoch: EPOCH }, at('parallel'));
    expectRefusal(decision, 'weight-out-of-range', { phase: 'parallel', newWeight: 0 });
    expect(messageOf(decision)).toContain('0..99');
  });

  test('then a weight without a key that both platforms keep is refused, naming the setting', () => {
    const decision = decideMove({ phase: 'parallel', newWeight: 10, expectedEpoch: EPOCH }, keyless('parallel', 0));
    expectRefusal(decision, 'weight-key-missing', { phase: 'parallel', newWeight: 0 });
    expect(messageOf(decision)).toContain('weightKey');
  });

  test('then no key is needed to take a weight back', () => {
    const wish: Move = { phase: 'parallel', newWeight: 0, expectedEpoch: EPOCH, reason: 'the key is gone' };
    expect(decideMove(wish, keyless('parallel', 30))).toMatchObject({ kind: 'accepted', event: { verb: 'rollback' } });
  });
});

describe('given a move towards legacy, when it has no reason', () => {
  const towardsLegacy = PAIRS.filter(({ name }) => LEGAL_MOVES[name]?.[1] === 'legacy');
  const others = PAIRS.filter(({ name }) => ['new', 'neither'].includes(LEGAL_MOVES[name]?.[1] ?? ''));

  test.each(towardsLegacy)('then $name is refused', ({ from, to }) => {
    for (const reason of [undefined, '', '   ', '\n']) {
      const decision = decideMove({ ...to, expectedEpoch: EPOCH, reason }, given({ ...from, epoch: EPOCH }));
      expectRefusal(decision, 'reason-missing', from);
    }
  });

  test.each(others)('then $name needs none', ({ from, to }) => {
    const decision = decideMove({ ...to, expectedEpoch: EPOCH }, given({ ...from, epoch: EPOCH }));
    expect(decision.kind).toBe('accepted');
  });
});

describe('given side effects that nobody has classified', () => {
  const unclassified = (phase: Route['phase']): ConnectionState => ({
    route: { phase, newWeight: 0, epoch: EPOCH },
    facts: {
      name: 'northside-orders',
      unclassifiedEffects: ['e-mail', 'table-write'],
      hasWeightKey: true,
      origin: 'feed' as const,
    },
  });

  test('when a shadow is wanted, then it is refused and every one is named', () => {
    const decision = decideMove({ phase: 'parallel', newWeight: 0, expectedEpoch: EPOCH }, unclassified('legacy'));
    expectRefusal(decision, 'effects-unclassified', { phase: 'legacy', newWeight: 0 });
    expect(messageOf(decision)).toContain('e-mail, table-write');
  });

  test.each([
    ['cancel', 'parallel', 'legacy'],
    ['rollback', 'switched', 'parallel'],
  ] as const)('when it is a %s, then nothing stands in its way', (verb, from, to) => {
    const wish: Move = { phase: to, newWeight: 0, expectedEpoch: EPOCH, reason: 'a reason' };
    expect(decideMove(wish, unclassified(from))).toMatchObject({ kind: 'accepted', event: { verb } });
  });
});

describe('given a connection without a feed (origin: platform)', () => {
  /** All of it. A parallel run has none: it is the way out for one that had a feed before. */
  const LEGAL: Readonly<Record<string, readonly [MoveVerb, 'legacy' | 'new']>> = {
    'legacy → switched': ['switch', 'new'],
    'parallel → legacy': ['rollback', 'legacy'],
    'switched → legacy': ['rollback', 'legacy'],
    'switched → decommissioned': ['decommission', 'new'],
  };
  const without = (from: Target): ConnectionState => ({
    route: { ...from, epoch: EPOCH },
    facts: { name: 'archive-results', unclassifiedEffects: [], hasWeightKey: true, origin: 'platform' },
  });

  test.each(PAIRS)('when $name is asked for, then it is decided as written down', ({ from, to }) => {
    const decision = decideMove({ ...to, expectedEpoch: EPOCH, reason: 'a reason' }, without(from));
    const legal = to.newWeight === 0 ? LEGAL[`${from.phase} → ${to.phase}`] : undefined;
    if (legal !== undefined)
      expect(decision).toMatchObject({ kind: 'accepted', event: { verb: legal[0] }, towards: legal[1] });
    else if (from.phase !== to.phase || from.newWeight !== to.newWeight) expect(decision.kind).toBe('refused');
  });

  test('when a parallel run or a weight is asked for, then it is told why there is none, and what there is', () => {
    const wish: Move = { phase: 'parallel', newWeight: 0, expectedEpoch: EPOCH };
    const decision = decideMove(wish, without({ phase: 'legacy', newWeight: 0 }));
    expect(messageOf(decision)).toContain('no feed that could be copied');
    expect(decision).toMatchObject({ refusal: { next: [expect.stringContaining('attest'), 'cutover switch'] } });
  });

  test('when it goes back to legacy, then it needs a reason, and its switch an approval', () => {
    const back: Move = { phase: 'legacy', newWeight: 0, expectedEpoch: EPOCH };
    expect(decideMove(back, without({ phase: 'switched', newWeight: 0 }))).toMatchObject({
      refusal: { code: 'reason-missing' },
    });
    expect(needsSignature('switch', 'new')).toBe('approval');
  });
});

describe('given a whole migration, when its moves are made one after the other', () => {
  test('then every one uses one epoch and the connection ends where the last one says', () => {
    const story: readonly Target[] = [
      { phase: 'parallel', newWeight: 0 },
      { phase: 'parallel', newWeight: 30 },
      { phase: 'parallel', newWeight: 0 },
      { phase: 'switched', newWeight: 0 },
      { phase: 'parallel', newWeight: 0 },
      { phase: 'switched', newWeight: 0 },
      { phase: 'decommissioned', newWeight: 0 },
    ];
    const end = story.reduce<ConnectionState>(
      (state, wish) => {
        const decision = decideMove({ ...wish, expectedEpoch: state.route.epoch, reason: 'a reason' }, state);
        if (decision.kind !== 'accepted') throw new Error(`refused: ${JSON.stringify(decision)}`);
        const after = evolve(state, decision.event);
        expect(after.route.epoch).toBe(state.route.epoch + 1);
        expect(after.facts).toBe(state.facts);
        return after;
      },
      given({ phase: 'legacy', newWeight: 0, epoch: 1 }),
    );
    expect(end.route).toEqual({ phase: 'decommissioned', newWeight: 0, epoch: 8 });
  });
});

describe('given a production gateway, when a move is weighed', () => {
  test('then ownership for new needs an approval, the end of legacy a sign-off, and nothing else anything', () => {
    expect(needsSignature('switch', 'new')).toBe('approval');
    expect(needsSignature('weight', 'new')).toBe('approval');
    expect(needsSignature('weight', 'legacy')).toBeNull();
    expect(needsSignature('rollback', 'legacy')).toBeNull();
    expect(needsSignature('parallel', 'neither')).toBeNull();
    expect(needsSignature('cancel', 'neither')).toBeNull();
    expect(needsSignature('decommission', 'new')).toBe('signoff');
  });
});

test('a route is said with its weight only where it has one', () => {
  expect(describeRoute({ phase: 'parallel', newWeight: 0 })).toBe('parallel');
  expect(describeRoute({ phase: 'parallel', newWeight: 30 })).toBe('parallel with newWeight 30');
});

test('no verb leads from a route to itself', () => {
  for (const route of ROUTES) for (const origin of ORIGINS) expect(verbOf(route, route, origin)).toBeNull();
});

function short({ phase, newWeight }: Target): string {
  return newWeight > 0 ? `${phase} ${newWeight}` : phase;
}

function given(route: Route): ConnectionState {
  return {
    route,
    facts: { name: 'northside-orders', unclassifiedEffects: [], hasWeightKey: true, origin: 'feed' as const },
  };
}

function at(phase: Route['phase']): ConnectionState {
  return given({ phase, newWeight: 0, epoch: EPOCH });
}

function keyless(phase: Route['phase'], newWeight: number): ConnectionState {
  const route = { phase, newWeight, epoch: EPOCH };
  return {
    route,
    facts: { name: 'northside-orders', unclassifiedEffects: [], hasWeightKey: false, origin: 'feed' as const },
  };
}

/** Which move a next step stands for. */
function verbOfCommand(command: string): string {
  if (command.includes('--weight')) return 'weight';
  return command.split(' ')[1] ?? '';
}

function expectRefusal(decision: ReturnType<typeof decideMove>, code: RefusalCode, from: Target): void {
  const next = NEXT_STEPS[from.newWeight > 0 ? 'parallel with a weight' : from.phase];
  expect(next).toBeDefined();
  expect(decision).toMatchObject({ kind: 'refused', refusal: { code, connection: 'northside-orders', next } });
  expect(messageOf(decision)).not.toBe('');
}

function messageOf(decision: ReturnType<typeof decideMove>): string {
  return decision.kind === 'refused' ? decision.refusal.message : '';
}
