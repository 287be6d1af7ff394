import { describe, expect, test } from 'vitest';
import { checkRules, compileRules, refOf } from './compile.ts';
import { accepts } from './compiled.ts';
import { rulesFileSchema } from './rule.ts';

const COMMON = { reason: 'each platform has its own', owner: 'integration', expires: '2026-12-31' };

function file(...rules: object[]) {
  return rulesFileSchema.parse({ rules: rules.map((rule) => ({ ...COMMON, ...rule })) });
}

const problemsOf = (...rules: object[]): string[] => checkRules([file(...rules)]).map(({ message }) => message);

describe('given a rule on a protected path, when rules are checked', () => {
  test.each([
    ['PID-3', 'ignore', {}],
    ['PID', 'ignore', {}],
    ['OBX-5', 'values', { legacy: ['a'], new: ['b'] }],
    ['OBR-3', 'generated', {}],
    ['OBX-5', 'changed-by-intent', { legacy: 'a', new: 'b', example: { legacy: 'a', new: 'b' }, approver: 'lab' }],
  ])('then %s with kind %s is refused', (path, kind, more) => {
    expect(problemsOf({ name: 'one', path, kind, ...more })).toEqual([
      `${path} is protected: kind '${kind}' is not accepted there`,
    ]);
  });

  test('then an equivalence needs its codes, an approver who is not the owner, and no tolerance', () => {
    const numeric = { name: 'one', path: 'OBX-5', kind: 'numeric' };
    expect(problemsOf(numeric)).toEqual(['OBX-5 is protected: the rule must name its codes']);
    const coded = { ...numeric, codes: ['2345-7'] };
    const needsApprover = ['OBX-5 is protected: it needs an approver who is not its owner'];
    expect(problemsOf(coded)).toEqual(needsApprover);
    expect(problemsOf({ ...coded, approver: 'integration' })).toEqual(needsApprover);
    expect(problemsOf({ ...coded, approver: 'lab', within: 0.1 })).toEqual([
      'OBX-5 is protected: within must be 0 there',
    ]);
    expect(problemsOf({ ...coded, approver: 'lab' })).toEqual([]);
    expect(problemsOf({ name: 'name', path: 'PID-7', kind: 'date', approver: 'lab' })).toEqual([]);
    expect(problemsOf({ name: 'name', path: 'PID-7', kind: 'date', approver: 'lab', withinSeconds: 1 })).toEqual([
      'PID-7 is protected: withinSeconds must be 0 there',
    ]);
  });

  test('then fields beside them are free', () => {
    expect(problemsOf({ name: 'one', path: 'PID-13', kind: 'ignore' })).toEqual([]);
    expect(problemsOf({ name: 'one', path: 'ZRP', kind: 'ignore' })).toEqual([]);
  });
});

describe('given rules that contradict themselves, when they are checked', () => {
  test.each<[string, object[], string]>([
    [
      'a name used twice',
      [
        { name: 'one', path: 'ZRP', kind: 'ignore' },
        { name: 'one', path: 'ZRQ', kind: 'ignore' },
      ],
      "the name 'one' is used twice",
    ],
    ['every path ignored', [{ name: 'one', path: '*', kind: 'ignore' }], "path '*' is for kind 'spelling' only"],
    [
      'an example that it refuses',
      [
        {
          name: 'one',
          path: 'PV1-3',
          kind: 'changed-by-intent',
          approver: 'lab',
          legacy: '[A-Z]+',
          new: '\\d+',
          example: { legacy: 'WARD', new: 'WARD' },
        },
      ],
      'it refuses its own example',
    ],
    [
      'a broken pattern',
      [{ name: 'one', path: 'MSH-10', kind: 'generated', pattern: '(' }],
      'a pattern is no regular expression',
    ],
    [
      'a pattern that closes the group around it',
      [{ name: 'one', path: 'MSH-10', kind: 'generated', pattern: 'A)|(?:B' }],
      'a pattern is no regular expression',
    ],
  ])('%s is refused', (_, rules, message) => {
    expect(problemsOf(...rules)).toEqual([message]);
  });
});

describe('given rules with a last day and connections, when they are compiled', () => {
  const rules = file(
    { name: 'expired', path: 'MSH-3', kind: 'ignore', expires: '2026-02-28' },
    { name: 'last-day', path: 'MSH-4', kind: 'ignore', expires: '2026-03-01' },
    { name: 'elsewhere', path: 'MSH-5', kind: 'ignore', connections: ['south-*'] },
    { name: 'here', path: 'MSH-6', kind: 'ignore', connections: ['south', 'north-*'] },
  );

  test('then expired ones and those of other connections are left out', () => {
    const compiled = compileRules([rules], 'north-results', '2026-03-01');
    expect(compiled.bySegment.get('MSH')?.map(({ rule }) => rule.name)).toEqual(['last-day', 'here']);
  });

  test('then the digest changes with what accepts, and a reference with its rule', () => {
    const digest = (today: string): string => compileRules([rules], 'north-results', today).digest;
    expect(digest('2026-03-01')).toBe(digest('2026-03-01'));
    expect(digest('2026-03-01')).not.toBe(digest('2026-03-02'));
    const [first, second] = rules.rules;
    if (first === undefined || second === undefined) throw new Error('there are two');
    expect(refOf(first)).toMatch(/^expired@[0-9a-f]{8}$/);
    expect(refOf(first)).not.toBe(refOf({ ...first, reason: 'another one' }));
  });
});

describe('given each kind, when two values are judged', () => {
  const judge = (rule: object, legacy: string, candidate: string): boolean => {
    const compiled = compileRules([file({ name: 'one', path: 'NTE-3', ...rule })], 'any', '2026-01-01');
    const [only] = compiled.bySegment.get('NTE') ?? [];
    return only !== undefined && accepts(only, { legacy, new: candidate }, false);
  };

  test.each<[object, string, string, boolean]>([
    [{ kind: 'values', legacy: ['a', ''], new: ['b'] }, '', 'b', true],
    [{ kind: 'values', legacy: ['a'], new: ['b'] }, 'b', 'a', false],
    [{ kind: 'table', table: { A: 'B' } }, 'A', 'B', true],
    [{ kind: 'table', table: { A: 'B' } }, 'B', 'A', false],
    [{ kind: 'table', table: { A: 'B' } }, 'constructor', 'B', false],
    [{ kind: 'numeric' }, '12.0', '+012', true],
    [{ kind: 'numeric' }, '-0', '0.00', true],
    [{ kind: 'numeric' }, '12.0', '12.01', false],
    [{ kind: 'numeric' }, '9007199254740993', '9007199254740992', false],
    [{ kind: 'numeric', within: 0.05 }, '12.0', '12.04', true],
    [{ kind: 'numeric' }, '12', 'twelve', false],
    [{ kind: 'date' }, '20260301220000', '20260301220000.000', true],
    [{ kind: 'date' }, '20260301220000+0100', '20260301210000+0000', true],
    [{ kind: 'date' }, '20260301220000', '202603012200', false],
    [{ kind: 'date', precision: 'minute' }, '20260301220000', '202603012200', true],
    [{ kind: 'date', precision: 'day' }, '20260301', '20260302', false],
    [{ kind: 'date', withinSeconds: 5 }, '20260301220000', '20260301220005', true],
    [{ kind: 'date', withinSeconds: 5 }, '20260301220000', '20260301220006', false],
    [{ kind: 'date' }, '20261301', '20261301', false],
    [{ kind: 'date', precision: 'day' }, '20230231', '20230303', false],
    [{ kind: 'date', precision: 'day' }, '20240229', '20240229', true],
    [{ kind: 'date' }, '20260301240000', '20260302000000', true],
    [{ kind: 'date' }, '20260301241500', '20260302001500', false],
    [{ kind: 'date' }, '20260301120000+9900', '20260301120000+9900', false],
    [{ kind: 'date', precision: 'hour' }, '2026030112+0530', '202603010630+0000', true],
    [{ kind: 'date', precision: 'hour' }, '2026030112+0530', '202603010615+0000', false],
    [{ kind: 'date', precision: 'hour' }, '202603010615+0000', '2026030112+0530', false],
    [{ kind: 'numeric', within: 0.1 }, '1.0', '1.1', true],
    [{ kind: 'numeric', within: 0.1 }, '1.0', '-1.1', false],
    [{ kind: 'numeric', within: 0.0000001 }, '12345678901234567890', '12345678901234567891', false],
    [{ kind: 'numeric', within: 1e21 }, '1', '100', true],
    [{ kind: 'numeric' }, '1e3', '1000', false],
    [{ kind: 'numeric' }, '1,000', '1000', false],
    [{ kind: 'generated' }, 'A1', 'B2', true],
    [{ kind: 'generated' }, 'A1', '', false],
    [{ kind: 'generated', pattern: '[A-Z]\\d' }, 'A1', 'long', false],
  ])('%j: %s against %s is %s', (rule, legacy, candidate, accepted) => {
    expect(judge(rule, legacy, candidate)).toBe(accepted);
  });
});
