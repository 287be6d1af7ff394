import { describe, expect, test } from 'vitest';
import { compileContract } from '../contracts/compile.ts';
import { contractSchema } from '../contracts/contract.ts';
import { GOOD } from '../inventory.example.ts';
import { parseInventory } from '../inventory.ts';
import type {
  ComparisonDay,
  DifferenceGroup,
  OutputFinding,
  RouteChange,
  SeenNames,
  WorkerState,
} from '../proof-results.ts';
import { refOf } from '../rules/compile.ts';
import { NO_RULES } from '../rules/compiled.ts';
import { exposureOf } from '../rules/exposure.ts';
import { rulesFileSchema } from '../rules/rule.ts';
import { contractArea } from './inspect.ts';
import { DEFAULT_THRESHOLDS, judgeConnection, type Known } from './judgement.ts';
import { shapesOf } from './shapes.ts';
import { judgeWorker } from './worker-doubts.ts';

const inventory = parseInventory(GOOD, 'example');
const [connection] = inventory.ok ? inventory.value.connections : [];
if (connection === undefined) throw new Error('the example has a connection');

const AT = Date.UTC(2026, 2, 1);

function day(over: Partial<ComparisonDay> = {}): ComparisonDay {
  return {
    connection: 'c',
    epoch: 2,
    basis: NO_RULES.digest,
    day: '2026-03-01',
    firstAtMs: AT,
    lastAtMs: AT,
    pairs: 1000,
    matched: 1000,
    accepted: 0,
    differing: 0,
    missingCandidate: 0,
    extraCandidate: 0,
    missingBoth: 0,
    answersDiffering: 0,
    destinationsDiffering: 0,
    outOfOrder: 0,
    delays: [0, 0, 900, 90, 10, 0, 0, 0, 0, 0, 0],
    ...over,
  };
}

function finding(over: Partial<OutputFinding>): OutputFinding {
  const base = { connection: 'c', epoch: 2, basis: 'any', count: 1, exampleIds: [], firstAtMs: AT, lastAtMs: AT };
  return { ...base, platform: 'new', area: 'coverage', name: 'segment PID', ...over };
}

function route(epoch: number, phase: RouteChange['phase'], newWeight = 0): RouteChange {
  return { connection: 'c', epoch, phase, newWeight, forced: false, atMs: AT };
}

function names(platform: 'legacy' | 'new', epoch: number, name = 'segment PID'): SeenNames {
  return { connection: 'c', epoch, platform, names: [name] };
}

const BOTH = [names('legacy', 1), names('new', 2)];
const GREEN: Known = {
  connection: { ...connection, correlate: ['MSH-10'] },
  rules: NO_RULES,
  contract: null,
  days: [day()],
  groups: [],
  coverage: BOTH,
  history: new Set(),
  breaches: [],
  routes: [route(1, 'legacy'), route(2, 'parallel')],
  live: { phase: 'parallel', epoch: 2 },
  doubts: [],
};

const reasonsOf = (over: Partial<Known>): readonly string[] =>
  judgeConnection({ ...GREEN, ...over }, DEFAULT_THRESHOLDS).reasons;

describe('given what the worker has counted, when a connection is judged', () => {
  test('then enough pairs, all matched, and covered is green', () => {
    expect(judgeConnection(GREEN, DEFAULT_THRESHOLDS)).toMatchObject({
      verdict: 'green',
      pairs: 1000,
      matched: 1000,
      grade: 'key',
      delayMs: { p50: 100, p99: 300 },
      coverage: { known: 1, seen: 1, share: 1 },
      since: new Date(AT).toISOString(),
    });
  });

  test.each<[string, Partial<Known>, string[]]>([
    ['no data', { days: [] }, ['nothing was compared']],
    [
      'results under other rules only',
      { days: [day({ basis: 'former' })] },
      ['nothing was compared (1000 predate the rules of today and do not count)'],
    ],
    ['results of a former phase only', { days: [day({ epoch: 1 })] }, ['nothing was compared']],
    ['too few pairs', { days: [day({ pairs: 99, matched: 99 })] }, ['99 pairs are too few: 100 are wanted']],
    ['one differing pair', { days: [day({ matched: 999, differing: 1 })] }, ['1 pair differs']],
    ['a missing output', { days: [day({ missingCandidate: 1 })] }, ['1 output of the candidate is missing']],
    ['an extra output', { days: [day({ extraCandidate: 2 })] }, ['2 outputs of the candidate are extra']],
    ['another answer', { days: [day({ answersDiffering: 1 })] }, ['1 answer differs']],
    ['another order', { days: [day({ outOfOrder: 1 })] }, ['1 output is out of order']],
    ['a worker that is behind', { doubts: ['the worker is 300 s behind'] }, ['the worker is 300 s behind']],
    [
      'a gateway that cannot be asked',
      { live: null },
      ['its gateway could not be asked: whether the results are of its present epoch is not known'],
    ],
    [
      'an epoch that the worker has not seen',
      { live: { phase: 'switched', epoch: 3 } },
      ['the results end before epoch 3, which the gateway is in'],
    ],
    [
      'a gateway that is behind its own results: an old backup of it, or another one',
      { live: { phase: 'legacy', epoch: 1 } },
      [
        'the results go on to epoch 2, and the gateway is in epoch 1: it was started from an old backup, or is another one (cutover doctor)',
      ],
    ],
    [
      'no second platform',
      { routes: [route(1, 'legacy')], days: [day({ epoch: 1 })], live: { phase: 'legacy', epoch: 1 } },
      ['phase legacy: no second platform runs beside the control', 'covers 0 % of what history shows: 95 % are wanted'],
    ],
    [
      'half of what history shows',
      { coverage: [...BOTH, names('legacy', 1, 'order 718-7')] },
      ['covers 50 % of what history shows: 95 % are wanted'],
    ],
    [
      'old messages that show more',
      { history: new Set(['order 718-7']) },
      ['covers 50 % of what history shows: 95 % are wanted'],
    ],
    ['no history', { coverage: [] }, ['nothing is known of what the connection carries']],
  ])('then %s is red, and says so', (_, over, reasons) => {
    expect(reasonsOf(over)).toEqual(reasons);
  });

  test('then a change of weight voids nothing, and a change of roles does', () => {
    const weight = [route(1, 'legacy'), route(2, 'parallel'), route(3, 'parallel', 20)];
    expect(reasonsOf({ routes: weight, live: { phase: 'parallel', epoch: 3 } })).toEqual([]);
    expect(reasonsOf({ routes: [...weight, route(4, 'switched')], live: { phase: 'switched', epoch: 4 } })).toContain(
      'nothing was compared',
    );
  });

  test('then accepted pairs count as matched', () => {
    expect(
      judgeConnection({ ...GREEN, days: [day({ matched: 400, accepted: 600 })] }, DEFAULT_THRESHOLDS),
    ).toMatchObject({
      verdict: 'green',
      matched: 1000,
      accepted: 600,
    });
  });
});

describe('given a contract, when a connection is judged', () => {
  const compiled = compileContract('lab', contractSchema.parse({ messages: ['ORU^R01'] }));
  if (!compiled.ok) throw new Error('it is a contract');
  const { contract } = compiled;
  const area = contractArea(contract);
  const inspected = finding({ area, name: 'inspected', count: 500 });

  test('then a breach of the candidate only is drift and red, of both a habit, of the control only cured', () => {
    const breaches = [
      inspected,
      finding({ area, name: 'OBX-6: required' }),
      finding({ area, name: 'PID-8: not in its table', count: 7 }),
      finding({ area, name: 'PID-8: not in its table', count: 9, platform: 'legacy' }),
      finding({ area, name: 'OBR-25: required', platform: 'legacy' }),
    ];
    const judged = judgeConnection({ ...GREEN, contract, breaches }, DEFAULT_THRESHOLDS);
    expect(judged.contract).toMatchObject({ name: 'lab', inspected: 500 });
    expect(judged.contract?.breaches.map(({ name, is, control, candidate }) => [name, is, control, candidate])).toEqual(
      [
        ['OBX-6: required', 'drift', 0, 1],
        ['PID-8: not in its table', 'habit', 9, 7],
        ['OBR-25: required', 'cured', 1, 0],
      ],
    );
    expect(judged.reasons).toEqual(['the candidate breaks the contract where the control does not']);
  });

  test('then nothing inspected is red, also under a former form of the contract', () => {
    expect(reasonsOf({ contract, breaches: [] })).toEqual(['nothing was held against the contract lab']);
    expect(
      reasonsOf({ contract, breaches: [finding({ area: 'contract:lab@former', name: 'inspected' })] }),
    ).toHaveLength(1);
    expect(reasonsOf({ contract, breaches: [inspected] })).toEqual([]);
  });

  test('then after a change of the contract it is red until enough outputs were held against what it says now', () => {
    const since = (count: number) =>
      reasonsOf({
        contract,
        breaches: [
          finding({ area: 'contract:lab@former', name: 'inspected', count: 900 }),
          finding({ area, name: 'inspected', count }),
        ],
      });
    expect(since(1)).toEqual(['1 output was held against the contract lab as it is today: 100 are wanted']);
    expect(since(99)).toHaveLength(1);
    expect(since(100)).toEqual([]);
  });
});

describe('given a worker, when its results are relied on', () => {
  const ALIVE: WorkerState = {
    worker: { id: 'w', host: 'h', version: '1', basis: 'b', startedAtMs: AT, heartbeatAgeMs: 4000 },
    nowMs: AT,
    journals: [
      {
        shard: 0,
        incarnation: 'i',
        position: 9,
        shippedUpTo: 9,
        newestAtMs: AT,
        waitingSinceMs: null,
        missingRecords: 0,
      },
    ],
  };
  const [journal] = ALIVE.journals;
  if (journal === undefined || ALIVE.worker === null) throw new Error('there is one');
  const { worker } = ALIVE;

  test.each<[string, WorkerState, string[]]>([
    ['it lives and nothing waits', ALIVE, []],
    ['what waits has waited a minute', { ...ALIVE, journals: [{ ...journal, waitingSinceMs: AT - 60_000 }] }, []],
    ['there is none', { ...ALIVE, worker: null }, ['no worker has ever run for this deployment']],
    [
      'it is silent',
      { ...ALIVE, worker: { ...worker, heartbeatAgeMs: 600_000 } },
      ['the worker was last heard of 600 s ago'],
    ],
    [
      'it is behind',
      { ...ALIVE, journals: [{ ...journal, waitingSinceMs: AT - 300_000 }] },
      ['the worker is 300 s behind'],
    ],
    ['nothing was shipped', { ...ALIVE, journals: [] }, ['no gateway has shipped anything']],
    [
      'records are gone',
      { ...ALIVE, journals: [{ ...journal, missingRecords: 3 }] },
      ['3 records of the journal were purged before they were shipped'],
    ],
  ])('%s', (_, state, reasons) => {
    expect(judgeWorker(state).reasons).toEqual(reasons);
  });
});

describe('given differences on many connections', () => {
  const COMMON = { reason: 'each platform has its own', owner: 'integration' };
  const file = rulesFileSchema.parse({
    rules: [
      { name: 'own-time', path: 'MSH-7', kind: 'ignore', expires: '2026-12-31', ...COMMON },
      { name: 'old', path: 'MSH-8', kind: 'ignore', expires: '2026-02-01', ...COMMON },
      { name: 'soon', path: 'MSH-11', kind: 'ignore', expires: '2026-03-05', ...COMMON },
      { name: 'wide', path: 'PV1', kind: 'ignore', expires: '2026-12-31', ...COMMON },
    ],
  });
  const [ownTime] = file.rules;
  if (ownTime === undefined) throw new Error('there is one');
  const group = (over: Partial<DifferenceGroup>): DifferenceGroup => ({
    connection: 'a',
    epoch: 2,
    basis: NO_RULES.digest,
    path: 'MSH-7',
    kind: 'value',
    code: null,
    shape: '9 against 9',
    rule: refOf(ownTime),
    count: 200,
    pairs: 200,
    magnitude: 4,
    exampleIds: [],
    firstAtMs: AT,
    lastAtMs: AT,
    ...over,
  });

  test('then each rule says what it hides, and an unknown one is told', () => {
    const groups = [group({}), group({ connection: 'b', magnitude: 9 }), group({ rule: 'gone@00000000' })];
    const { rules, unknown } = exposureOf([file], groups, new Map([[refOf(ownTime), 2]]), '2026-03-01');
    expect(
      rules.map(({ name, state, hides, connections, numericDifference }) => [
        name,
        state,
        hides,
        connections,
        numericDifference,
      ]),
    ).toEqual([
      ['own-time', 'in-use', 400, 2, 9],
      ['old', 'expired', 0, 0, null],
      ['soon', 'expiring', 0, 0, null],
      ['wide', 'unused', 0, 0, null],
    ]);
    expect(rules[0]?.remarks).toEqual([
      'too wide: it has met only 2 pairs of values; kind table or values would say which',
    ]);
    expect(rules[3]?.remarks).toEqual(['too wide: it hides a whole segment of the standard']);
    expect(unknown).toEqual(['gone@00000000']);
  });

  test('then the same difference is one shape, unaccepted ones first', () => {
    const judged = ['a', 'b'].map((name) =>
      judgeConnection(
        {
          ...GREEN,
          connection: { ...GREEN.connection, name },
          groups: [group({}), group({ rule: null, path: 'OBX-6', code: '718-7', count: 3 })],
        },
        DEFAULT_THRESHOLDS,
      ),
    );
    expect(shapesOf(judged)).toMatchObject([
      { path: 'OBX-6', code: '718-7', count: 6, connections: 2, on: ['a', 'b'] },
      { path: 'MSH-7', rule: 'own-time', count: 400, connections: 2 },
    ]);
  });
});

test('a connection without a feed is not compared: red with that one reason, whatever was counted', () => {
  const without: Known = { ...GREEN, connection: { ...connection, origin: 'platform', feed: null } };
  const judged = judgeConnection(without, DEFAULT_THRESHOLDS);
  expect(judged.verdict).toBe('red');
  expect(judged.reasons).toEqual([expect.stringContaining('not compared: origin: platform')]);
});
