import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseYaml } from '../located-yaml.ts';
import { breachesOf } from './check.ts';
import { type CompiledContract, compileContract } from './compile.ts';
import { contractSchema } from './contract.ts';
import { misplacedSegment, parseStructure } from './structure.ts';

function shipped(name: string): CompiledContract {
  const file = new URL(`../../stacks/contracts/${name}.yaml`, import.meta.url);
  const parsed = parseYaml(readFileSync(file, 'utf8'), name, contractSchema);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const compiled = compileContract(name, parsed.value);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.contract;
}

const RESULT = [
  'MSH|^~\\&|LAB|MAIN|EMR|NORTH|20260301220000||ORU^R01|ID1|P|2.5.1|7',
  'PID|1||100001^^^NS^MR||MÜLLER^JANE||19700101|F',
  'ORC|RE|A-1|F-1',
  'OBR|1|A-1|F-1|24323-8^Panel^LN|||20260301214500|||||||||||||||20260301220000|||F',
  'OBX|1|NM|2345-7^Glucose^LN||95|mg/dL|70-99||||F',
  'NTE|1|L|comment',
  'OBX|2|ED|11502-2^Report^LN||LAB^Application^PDF^Base64^JVBERi0xLjQ=||||||F',
  'ZLR|1|BENCH3',
].join('\r');

const breaches = (contract: CompiledContract, from: string | RegExp = '', to = ''): string[] =>
  breachesOf(Buffer.from(RESULT.replace('Ü', 'UE').replace(from, to)), contract).map(({ name }) => name);

describe('given the shipped contract of results', () => {
  const contract = shipped('lab-results');

  test('then a good result keeps it', () => {
    expect(breaches(contract)).toEqual([]);
  });

  test.each<[string, string | RegExp, string, string[]]>([
    ['another type', 'ORU^R01', 'ORM^O01', ['MSH-9: another type of message']],
    ['another version', '|2.5.1|', '|2.8|', ['MSH-12: another version']],
    ['a segment out of place', '\rORC|RE|A-1|F-1', '', []],
    ['a patient behind the observations', /(\rPID[^\r]*)([\s\S]*)$/, '$2$1', ['structure: the end after PID']],
    ['no observation request', /\rOBR[^\r]*/, '', ['structure: OBX after ORC']],
    ['a segment that nobody knows', '\rNTE', '\rNTX', ['structure: ??? after OBX']],
    ['no patient id', '100001^^^NS^MR', '', ['PID-3: required', 'PID-3.1: required']],
    ['a code outside its table', '|||F\rOBX', '|||Q\rOBX', ['OBR-25: not in its table']],
    ['a value that is too long', '|ID1|', '|IDENTIFIER-OF-MORE-THAN-TWENTY|', ['MSH-10: longer than 20']],
    ['a date that is none', '20260301214500', '20261301214500', ['OBR-7.1: type DTM']],
    [
      'a preliminary value in a final report',
      '||||F\rNTE',
      '||||P\rNTE',
      ['final-report-of-final-values: OBX-11: not in its table'],
    ],
    ['a number that is none', '|95|', '|high|', ['number-is-a-number: OBX-5: type NM']],
    ['a number without a unit', '|mg/dL|', '||', ['number-has-a-unit: OBX-6.1: required']],
    ['a document without a subtype', '^PDF^', '^^', ['document-can-be-opened: OBX-5.3: required']],
    ['a document cut off', 'JVBERi0xLjQ=', 'JVBERi0xL', ['base64-decodes: OBX-5.5: type base64']],
    ['another order number', 'OBR|1|A-1', 'OBR|1|A-2', ['OBR-2.1 as ORC-2.1: another id']],
    ['no message', /^MSH/, 'XXX', ['message: no HL7']],
  ])('when it is %s, then it is named', (_, from, to, expected) => {
    expect(breaches(contract, from, to)).toEqual(expected);
  });

  test('then a charset that MSH-18 does not name is a breach', () => {
    expect(breachesOf(Buffer.from(RESULT), contract).map(({ name }) => name)).toEqual([
      'MSH-18: characters beyond ASCII and no charset',
    ]);
  });
});

test('given the shipped contract of orders, then an order without what to test breaks it', () => {
  const contract = shipped('lab-orders');
  const order = 'MSH|^~\\&|E|N|L|M|20260301220000||ORM^O01|ID1|P|2.3\rPID|1||7||DOE\rORC|NW|A-1\rOBR|1|A-1||718-7\r';
  expect(breachesOf(Buffer.from(order), contract)).toEqual([]);
  expect(breachesOf(Buffer.from(order.replace('718-7', '')), contract).map(({ name }) => name)).toEqual([
    'new-order-says-what-to-test: OBR-4.1: required',
  ]);
});

describe('given a structure, when segments are placed', () => {
  const structure = parseStructure('MSH [{SFT}] { [PID [PV1]] { [ORC] OBR [{OBX [{NTE}]}] } } [DSC]');

  test.each([
    ['MSH OBR', null],
    ['MSH SFT SFT PID PV1 ORC OBR OBX NTE NTE OBX OBR ORC OBR PID OBR DSC', null],
    ['MSH', { index: 1, expected: ['OBR', 'ORC', 'PID', 'SFT'] }],
    ['MSH PID', { index: 2, expected: ['OBR', 'ORC', 'PV1'] }],
    ['MSH PID OBR PV1', { index: 3, expected: ['DSC', 'OBR', 'OBX', 'ORC', 'PID'] }],
  ])('%s: %j', (text, misplaced) => {
    expect(misplacedSegment(structure, text.split(' '))).toEqual(misplaced);
  });

  test.each(['[MSH', 'MSH ]', '{ }', 'MSH [OBX}', 'msh'])('%s is not the notation', (text) => {
    expect(() => parseStructure(text)).toThrow();
  });

  test('then a structure of repeated options takes no time beyond its length', () => {
    const nested = parseStructure('MSH {[{[{[OBX]}]}]}');
    const names = ['MSH', ...Array.from({ length: 5000 }, () => 'OBX'), 'PID'];
    expect(misplacedSegment(nested, names)?.index).toBe(5001);
  });
});

test('given a contract that contradicts itself, then each mistake is named with its place', () => {
  const contract = contractSchema.parse({
    messages: ['ORU^R01'],
    structure: 'MSH [PID',
    fields: { 'OBX-5': { pattern: '(' }, 'OBX-6': { table: '9999' } },
    conditions: [{ name: 'two-segments', when: { 'OBX-2': ['NM'], 'OBR-25': ['F'] }, must: {} }],
  });
  const compiled = compileContract('bad', contract);
  expect(compiled.ok ? [] : compiled.problems.map(({ path }) => path.join('.'))).toEqual([
    'structure',
    'fields.OBX-5.pattern',
    'fields.OBX-6.table',
    'conditions.0.when',
  ]);
});
