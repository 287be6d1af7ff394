import { describe, expect, test } from 'vitest';
import { decideMove } from './connection.ts';
import type { Located } from './located-yaml.ts';
import type { Route } from './platform.ts';
import {
  judgeEntry,
  parseStackConfig,
  type RouteEntry,
  stackConfigJsonSchema,
  underPresentNames,
} from './stack-config.ts';

const FILE = 'stacks/Pulumi.production.yaml';
const NAME = 'northside-orders';
const APPROVAL = `sha256:${'9f'.repeat(32)}`;

describe('given a stack file, when it is read', () => {
  test('then its layer and routes are there, defaults filled in, and what belongs to Pulumi is left alone', () => {
    const text = `encryptionsalt: v1:abc
config:
  aws:region: eu-central-1
  lab-cutover:layer: routes
  lab-cutover:routes:
    northside-orders: { phase: parallel, newWeight: 30, epoch: 3 }
    northside-results: { phase: switched, epoch: 4, approval: "${APPROVAL}" }
    southside-orders: { phase: parallel, epoch: 5, reason: results were late }
`;
    expect(parseStackConfig(text, FILE)).toEqual({
      ok: true,
      value: {
        layer: 'routes',
        inventory: null,
        routes: {
          'northside-orders': { phase: 'parallel', newWeight: 30, epoch: 3 },
          'northside-results': { phase: 'switched', newWeight: 0, epoch: 4, approval: APPROVAL },
          'southside-orders': { phase: 'parallel', newWeight: 0, epoch: 5, reason: 'results were late' },
        },
      },
    });
  });

  test('then a file without routes has none, and an inventory elsewhere is named', () => {
    const text = 'config:\n  lab-cutover:layer: routes\n  lab-cutover:inventory: ../lab/inventory.yaml\n';
    const value = { layer: 'routes', inventory: '../lab/inventory.yaml', routes: {} };
    expect(parseStackConfig(text, FILE)).toEqual({ ok: true, value });
  });

  test('then an entry under a former name is that of the connection, unless it has one under its own', () => {
    const [older, newer] = [
      { phase: 'legacy', newWeight: 0, epoch: 1 },
      { phase: 'parallel', newWeight: 0, epoch: 2 },
    ] as const;
    const config = { layer: 'routes', inventory: null } as const;
    const renamed = new Map([['former', 'heir']]);
    expect(underPresentNames({ ...config, routes: { former: older } }, renamed).routes).toEqual({ heir: older });
    const both = { ...config, routes: { heir: newer, former: older } };
    expect(underPresentNames(both, renamed).routes).toEqual({ heir: newer });
  });

  test('then a number with a zero in front, which Pulumi and the verbs read as two numbers, is a problem', () => {
    const text = (weight: string): string =>
      `config:\n  aws:account: 012\n  lab-cutover:layer: routes\n  lab-cutover:routes:\n    ${NAME}: { phase: parallel, newWeight: ${weight}, epoch: 3 }\n`;
    expect(parseStackConfig(text('010'), FILE)).toMatchObject({
      ok: false,
      problems: [{ line: 5, message: '010 is one number to Pulumi and another to the verbs' }],
    });
    expect(parseStackConfig(text('10'), FILE).ok).toBe(true);
    expect(parseStackConfig(text('0'), FILE).ok).toBe(true);
  });

  const routes = (entry: string): string =>
    `config:\n  lab-cutover:layer: routes\n  lab-cutover:routes:\n    ${NAME}: ${entry}\n`;
  const place = `config.lab-cutover:routes.${NAME}`;

  test.each([
    ['a phase that does not exist', '{ phase: live, epoch: 3 }', `${place}.phase`, /legacy.*parallel.*switched/],
    ['no epoch', '{ phase: parallel }', `${place}.epoch`, /'epoch' is missing/],
    ['epoch 0', '{ phase: parallel, epoch: 0 }', `${place}.epoch`, /the least is 1/],
    ['half an epoch', '{ phase: parallel, epoch: 1.5 }', `${place}.epoch`, /whole number/],
    ['a weight of 100', '{ phase: parallel, newWeight: 100, epoch: 3 }', `${place}.newWeight`, /the most is 99/],
    ['a weight below 0', '{ phase: parallel, newWeight: -1, epoch: 3 }', `${place}.newWeight`, /the least is 0/],
    [
      'an approval without its digest',
      '{ phase: switched, epoch: 3, approval: yes-please }',
      `${place}.approval`,
      /sha256: and 64 hex/,
    ],
    ['an empty reason', '{ phase: legacy, epoch: 3, reason: "" }', `${place}.reason`, /empty/],
    ['a key nobody knows', '{ phase: parallel, epoch: 3, wieght: 3 }', `${place}.wieght`, /unknown key 'wieght'/],
  ])('then %s is named with file, line, path and remedy', (_, entry, path, message) => {
    const [problem, ...others] = problemsOf(routes(entry));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ file: FILE, line: 4, path, message: expect.stringMatching(message) });
    expect(problem?.remedy).not.toBe('');
  });

  test('then an unknown layer and a bad entry are both named, each at its line', () => {
    const text = `config:\n  lab-cutover:layer: all\n  lab-cutover:routes:\n    a: { phase: parallel, epoch: 2 }\n    b: { phase: parallel, epoch: x }\n`;
    expect(problemsOf(text).map(({ line, path }) => [line, path])).toEqual([
      [2, 'config.lab-cutover:layer'],
      [5, 'config.lab-cutover:routes.b.epoch'],
    ]);
  });

  test('then the same connection twice is an error of the file, at the second line', () => {
    const text = `${routes('{ phase: parallel, epoch: 2 }')}    ${NAME}: { phase: switched, epoch: 3 }\n`;
    expect(problemsOf(text)).toMatchObject([{ file: FILE, line: 5, message: expect.stringContaining('unique') }]);
  });

  test('then an unclosed bracket is an error of the file, with its line', () => {
    const [problem] = problemsOf(routes('{ phase: parallel'));
    expect(problem).toMatchObject({ file: FILE, path: '', remedy: expect.stringContaining('mend the YAML') });
    expect(problem?.line).toBeGreaterThanOrEqual(4);
  });

  test('then an empty file is refused, not taken for one without routes', () => {
    expect(problemsOf('')).toHaveLength(1);
  });

  test('then the JSON Schema for editors lets the defaults be left out', () => {
    const schema = JSON.stringify(stackConfigJsonSchema());
    expect(schema).toContain('lab-cutover:routes');
    expect(schema).toContain('"required":["phase","epoch"]');
  });
});

describe('given a gateway at parallel, epoch 3, when an entry is judged', () => {
  const route: Route = { phase: 'parallel', newWeight: 0, epoch: 3 };
  const changed = { by: 'anna', at: '2026-03-01T22:10:00Z' };
  const judge = (entry: Partial<RouteEntry>) =>
    judgeEntry(NAME, { phase: 'parallel', newWeight: 0, epoch: 3, ...entry }, route, changed);

  test('then the same route at the same epoch is nothing to do', () => {
    expect(judge({})).toEqual({ kind: 'nothing' });
    expect(judge({ reason: 'why it was made', approval: APPROVAL })).toEqual({ kind: 'nothing' });
  });

  test('then the next epoch is a move from this one, with its weight and reason', () => {
    expect(judge({ epoch: 4, phase: 'switched' })).toEqual({
      kind: 'move',
      move: { phase: 'switched', newWeight: 0, expectedEpoch: 3, reason: undefined },
    });
    expect(judge({ epoch: 4, newWeight: 30, reason: 'pilot' })).toMatchObject({
      kind: 'move',
      move: { phase: 'parallel', newWeight: 30, expectedEpoch: 3, reason: 'pilot' },
    });
  });

  test.each([
    ['another phase', { phase: 'switched' }],
    ['another weight', { newWeight: 30 }],
  ] as const)('then %s at the same epoch is refused, naming the epoch to write', (_, entry) => {
    const judgement = judge(entry);
    expect(judgement).toMatchObject({ kind: 'refused', code: 'wrong-epoch' });
    expect(messageOf(judgement)).toContain('must name epoch 4');
    expect(messageOf(judgement)).toContain('anna');
  });

  test.each([5, 6, 100])('then epoch %i skips one: refused, naming the epoch to write', (epoch) => {
    const judgement = judge({ phase: 'switched', epoch });
    expect(judgement).toMatchObject({ kind: 'refused', code: 'wrong-epoch' });
    expect(messageOf(judgement)).toContain('must name epoch 4');
  });

  test.each(['legacy', 'parallel', 'switched'] as const)('then %s at an earlier epoch is an old checkout', (phase) => {
    for (const epoch of [1, 2]) {
      const judgement = judge({ phase, epoch });
      expect(judgement).toMatchObject({ kind: 'refused', code: 'stale' });
      expect(messageOf(judgement)).toContain(NAME);
      expect(messageOf(judgement)).toContain('anna at 2026-03-01T22:10:00Z');
      expect(messageOf(judgement)).toContain('cutover sync');
    }
  });

  test('then who moved it is left out where nobody knows', () => {
    const entry: RouteEntry = { phase: 'legacy', newWeight: 0, epoch: 1 };
    expect(messageOf(judgeEntry(NAME, entry, route, null))).not.toContain('made by');
  });

  test('then an entry that skips phases is a move for the decider to refuse, by name', () => {
    const judgement = judge({ phase: 'decommissioned', epoch: 4 });
    if (judgement.kind !== 'move') throw new Error('expected a move');
    const facts = { name: NAME, unclassifiedEffects: [], hasWeightKey: true, origin: 'feed' as const };
    expect(decideMove(judgement.move, { route, facts })).toMatchObject({
      kind: 'refused',
      refusal: { code: 'illegal-move', connection: NAME },
    });
  });
});

function problemsOf(text: string): readonly Located[] {
  const parsed = parseStackConfig(text, FILE);
  return parsed.ok ? [] : parsed.problems;
}

function messageOf(judgement: ReturnType<typeof judgeEntry>): string {
  return judgement.kind === 'refused' ? judgement.message : '';
}
