import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRules } from '../rules/compile.ts';
import { NO_RULES } from '../rules/compiled.ts';
import { rulesFileSchema } from '../rules/rule.ts';
import { DRIFTS } from './drifts.ts';
import { comparePayloads } from './pair.ts';
import { selfTest } from './self-test.ts';

const SAMPLE = Buffer.from(
  [
    'MSH|^~\\&|LAB|MAIN|EMR|NORTH|20260301220000||ORU^R01|ID1|P|2.5.1|7|||||UNICODE UTF-8',
    'PID|1||100001^^^NS^MR~X-7^^^PRACTICE^PI||MÜLLER^JANE^Q||19700101|F|||1 Example Street^^Testville^ZZ',
    'ORC|RE|A-1|F-1',
    'OBR|1|A-1|F-1|24323-8^Comprehensive metabolic panel^LN|||20260301214500|||||||||||||||20260301220000|||F',
    'OBX|1|NM|2345-7^Glucose^LN||95|mg/dL|70-99|L|||F',
    'OBX|2|NM|3094-0^Urea nitrogen^LN||14.5|mg/dL|7-20||||F',
    'NTE|1|L|Fasting status: 10 h \\F\\ confirmed by practice \\T\\ lab',
    'ZLR|1|BENCH3|AUTO~REVIEWED',
    '',
  ].join('\r'),
  'utf8',
);
const COMMON = { reason: 'each platform has its own', owner: 'integration', expires: '2099-12-31' };

function rulesOf(...rules: object[]) {
  const file = rulesFileSchema.parse({ delayLimitSeconds: 60, rules: rules.map((rule) => ({ ...COMMON, ...rule })) });
  return compileRules([file], 'north', '2026-03-01');
}

describe('given drifts of every kind, when a project asks what its rules would hide', () => {
  test('then without rules each is found', () => {
    const lines = selfTest([SAMPLE], rulesOf());
    expect(lines.map(({ drift, tried, found }) => [drift, tried, found])).toEqual(
      [...DRIFTS.map(({ name }) => name), 'wrong destination', 'changed answer', 'delayed by an hour'].map((name) => [
        name,
        1,
        1,
      ]),
    );
  });

  test('then a rule that hides one is named, and the others stay found', () => {
    const lines = selfTest(
      [SAMPLE],
      rulesOf(
        { name: 'own-segment', path: 'ZLR', kind: 'ignore' },
        { name: 'any-answer', path: 'answer', kind: 'ignore' },
      ),
    );
    const hidden = lines.filter((line) => line.hidden > 0).map(({ drift, by }) => [drift, by.map(({ rule }) => rule)]);
    expect(hidden).toEqual([
      ['lost Z-segment', ['own-segment']],
      ['changed answer', ['any-answer']],
    ]);
  });

  test('then what the message has no place for is not tried', () => {
    const order = Buffer.from('MSH|^~\\&|E|||||20260301||ORM^O01|1\rPID|1||7\r');
    expect(selfTest([order], NO_RULES).find(({ drift }) => drift === 'changed unit')).toMatchObject({
      tried: 0,
      found: 0,
    });
  });
});

describe('given any change of any field, when the outputs are compared', () => {
  const rules = rulesOf(
    { name: 'own-time', path: 'MSH-7', kind: 'date', withinSeconds: 60 },
    { name: 'own-id', path: 'MSH-10', kind: 'generated' },
    { name: 'own-segment', path: 'ZLR', kind: 'ignore' },
    { name: 'spelling', path: '*', kind: 'spelling' },
  );
  const lines = SAMPLE.toString('latin1').split('\r').slice(0, -1);

  test('then it is a difference in just that segment, or covered by a named rule', () => {
    const character = fc.constantFrom(...'AZaz09 .-/^~&\\"é'.split(''));
    const place = fc.integer({ min: 0, max: lines.length - 1 }).chain((line) => {
      const fields = (lines[line] ?? '').split('|').length;
      return fc.record({
        line: fc.constant(line),
        field: fc.integer({ min: line === 0 ? 2 : 1, max: fields }),
        at: fc.nat({ max: 60 }),
        removed: fc.nat({ max: 4 }),
        inserted: fc.string({ unit: character, maxLength: 4 }),
      });
    });
    fc.assert(
      fc.property(place, ({ line, field, at, removed, inserted }) => {
        const fields = (lines[line] ?? '').split('|');
        const before = fields[field] ?? '';
        const from = Math.min(at, before.length);
        fields[field] = before.slice(0, from) + inserted + before.slice(from + removed);
        const changed = lines.toSpliced(line, 1, fields.join('|'));
        const candidate = Buffer.from(`${changed.join('\r')}\r`, 'latin1');
        if (candidate.equals(SAMPLE)) return;
        const differences = comparePayloads(SAMPLE, candidate, 'legacy', rules);
        const name = (lines[line] ?? '').slice(0, 3);
        // A byte that is no UTF-8 changes how the whole message reads: MSH-18 says so beside it.
        const paths = differences.map(({ path }) => path.slice(0, 3)).filter((path) => path !== 'mes');
        expect(differences.length).toBeGreaterThan(0);
        expect(
          paths.includes(name) || paths.includes('MSH') || differences.some(({ path }) => path === 'message'),
        ).toBe(true);
        for (const { rule, path } of differences) {
          if (rule === null) continue;
          const [accepting = ''] = rule.split('@');
          expect(accepting === 'spelling' || path.startsWith(PATH_OF[accepting] ?? '?')).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  const PATH_OF: Readonly<Record<string, string>> = { 'own-time': 'MSH-7', 'own-id': 'MSH-10', 'own-segment': 'ZLR' };
});
