import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { NO_RULES } from '../rules/compiled.ts';
import { type Pair, suggestionsAsYaml, suggestRules } from './suggest.ts';

function pair(legacy: readonly string[], candidate: readonly string[]): Pair {
  const bytes = (lines: readonly string[]): Buffer => Buffer.from(lines.map((line) => `${line}\r`).join(''));
  return { control: bytes(legacy), candidate: bytes(candidate), controlPlatform: 'legacy' };
}

const header = (time: string, id: string): string => `MSH|^~\\&|LAB||||${time}||ORU^R01|${id}|P|2.5.1`;
const value = (code: string, text: string, unit = 'mg/dL'): string => `OBX|1|NM|${code}^Test||${text}|${unit}`;

const PAIRS = [
  pair(
    [header('20260301220000', 'A1'), 'PV1|1|O|WARD', value('2345-7', '12.0')],
    [header('20260301220000.5+0000', 'N77'), 'PV1|1|O|7', value('2345-7', '12'), 'ZNW|1'],
  ),
  pair(
    [header('20260301220100', 'A2'), 'PV1|1|O|WARD', value('3094-0', '7.50', 'g/L')],
    [header('20260301220100.1+0000', 'N78'), 'PV1|1|O|8', value('3094-0', '7.5', 'mmol/L'), 'ZNW|1'],
  ),
];

describe('given pairs that differ, when rules are asked for', () => {
  const suggestions = suggestRules(PAIRS, NO_RULES, '2026-06-01');
  const of = (path: string) => suggestions.find((each) => each.path === path);

  test('then each path gets the narrowest kind that accepts what was seen', () => {
    expect(of('MSH-7')?.rule).toMatchObject({ kind: 'date', path: 'MSH-7', precision: 'second', withinSeconds: 0 });
    expect(of('MSH-10')?.rule).toMatchObject({ kind: 'generated' });
    expect(of('ZNW')?.rule).toMatchObject({ kind: 'ignore' });
  });

  test('then on a protected path only an equivalence, for the codes that were seen, with an approver to be named', () => {
    expect(of('OBX-5')?.rule).toMatchObject({
      kind: 'numeric',
      codes: ['2345-7', '3094-0'],
      approver: 'ANOTHER PERSON',
      within: 0,
    });
  });

  test('then what means something else is never proposed away', () => {
    expect(of('OBX-6')).toMatchObject({
      rule: null,
      pairs: 1,
      remark: 'protected, and not the same: correct the mapping',
    });
    expect(of('PV1-3')).toMatchObject({ rule: null, pairs: 2 });
  });

  test('then the proposals are YAML for a rule file, and hold no value', () => {
    const text = suggestionsAsYaml(suggestions);
    expect(parse(text).rules).toHaveLength(4);
    expect(text).not.toMatch(/12\.0|WARD|N77/);
  });
});
