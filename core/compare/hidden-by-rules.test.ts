/** What a rule accepts, it accepts alone: what else has gone wrong in the same message is found beside it. */
import { describe, expect, test } from 'vitest';
import { featuresOf } from '../coverage/features.ts';
import { compileRules } from '../rules/compile.ts';
import type { CompiledRules } from '../rules/compiled.ts';
import { rulesFileSchema } from '../rules/rule.ts';
import { groupOf } from './difference.ts';
import { comparePair, comparePayloads, type Observation } from './pair.ts';

const COMMON = { reason: 'each platform has its own', owner: 'integration', expires: '2099-12-31' };

function rules(...given: object[]): CompiledRules {
  const named = given.map((rule, index) => ({ name: `rule-${index}`, ...COMMON, ...rule }));
  return compileRules([rulesFileSchema.parse({ rules: named })], 'north', '2026-03-01');
}

const OWN_TIME = { path: 'MSH-7', kind: 'ignore' };
const SPELLING = { path: '*', kind: 'spelling' };

function message(...lines: string[]): string {
  return ['MSH|^~\\&|LAB|A|EMR|B|20260301220000||ORU^R01|1|P|2.5.1', ...lines, ''].join('\r');
}

const PLAIN = message('PID|1||7^^^NS||DOE^JANE', 'OBR|1|A-1', 'OBX|1|ST|2345-7||a&b|mg/dL');
const later = (text: string): string => text.replace('20260301220000', '20260301220009');

/** Those that no rule accepts. */
function found(
  control: string,
  candidate: string,
  given: CompiledRules,
  encoding: BufferEncoding = 'latin1',
): string[] {
  const [left, right] = [Buffer.from(control, encoding), Buffer.from(candidate, encoding)];
  return comparePayloads(left, right, 'legacy', given)
    .filter(({ rule }) => rule === null)
    .map(groupOf);
}

describe('given a rule for MSH-7, which differs in every pair', () => {
  test.each<[string, (text: string) => string, string]>([
    [
      'line feeds for the ends of segments',
      (text) => text.replaceAll('\r', '\n'),
      'message: spelling: ends of segments',
    ],
    ['both', (text) => text.replaceAll('\r', '\r\n'), 'message: spelling: ends of segments'],
    ['one end of another kind', (text) => text.replace('\rOBR', '\r\nOBR'), 'message: spelling: ends of segments'],
    ['no last end', (text) => text.slice(0, -1), 'message: spelling: ends of segments'],
    ['a byte order mark', (text) => `\xef\xbb\xbf${text}`, 'message: spelling: bytes before MSH'],
    [
      'empty fields at the end of MSH',
      (text) => text.replace('2.5.1', '2.5.1||'),
      'MSH: spelling: empty fields at the end',
    ],
  ])('then %s is found beside it', (_, change, expected) => {
    expect(found(PLAIN, change(later(PLAIN)), rules(OWN_TIME))).toEqual([expected]);
    expect(found(PLAIN, change(later(PLAIN)), rules(OWN_TIME, SPELLING))).toEqual([]);
  });

  test('then an end is told from its like where segments are missing at the end', () => {
    const shorter = later(PLAIN).replace(/OBX.*\r/, '');
    expect(found(PLAIN, shorter, rules(OWN_TIME))).toEqual(['OBX of 2345-7: segment-missing: not in the candidate']);
    expect(found(PLAIN, shorter.slice(0, -1), rules(OWN_TIME))).toHaveLength(2);
  });
});

test('given a rule for spelling, then something that stands before MSH is no spelling', () => {
  const behind = (name: string): string => `XYZ|${name}\r${PLAIN}`;
  expect(found(behind('LAB'), behind('XXX'), rules(SPELLING))).toEqual(['message: value: what stands before MSH']);
  expect(found(PLAIN, behind('LAB'), rules(SPELLING))).toEqual(['message: value: what stands before MSH']);
});

describe('given batches', () => {
  const one = (id: string, value: string): string =>
    message(`PID|1||${id}^^^NS`, `OBX|1|NM|2345-7||${value}|mg/dL`).replace('|ORU^R01|1|', `|ORU^R01|${id}|`);
  const batch = (...messages: string[]): string =>
    `FHS|^~\\&|LAB|A|EMR|B|20260301220000\rBHS|^~\\&|LAB\r${messages.join('')}BTS|${messages.length}\rFTS|1\r`;
  const whole = batch(one('71', '1.0'), one('72', '2.0'), one('73', '3.0'));

  test('then each difference has its path, also in their headers, and rules know them', () => {
    expect(found(whole, whole.replace('2.0', '2.1'), rules())).toEqual(['OBX-5 of 2345-7: value: 9.9 against 9.9']);
    const own = whole.replace('20260301220000', '20260301220009');
    expect(found(whole, own, rules())).toEqual([expect.stringMatching(/^FHS-7: value/)]);
    expect(found(whole, own, rules({ path: 'FHS-7', kind: 'ignore' }))).toEqual([]);
    expect(found(whole, whole.replace('BTS|3', 'BTS|4'), rules(SPELLING))).toEqual(['BTS-1: value: 9 against 9']);
  });

  test.each([
    [['72', '73']],
    [['71', '73']],
    [['71', '72']],
  ])('then of a lost message its own segments, left are %j', (kept) => {
    const lost = batch(...kept.map((id) => one(id, `${Number(id) - 70}.0`)));
    const given = rules({ path: 'BTS-1', kind: 'ignore' });
    expect(found(whole, lost, given)).toEqual(
      ['MSH', 'PID', 'OBX of 2345-7'].map((path) => `${path}: segment-missing: not in the candidate`),
    );
  });
});

test('given a line without a name of three letters, then it is compared to its first character', () => {
  const broken = (line: string): string => PLAIN.replace('OBX|', `${line}\rOBX|`);
  for (const [one, other] of [
    ['John was here', 'Joan was here'],
    ['pid|1|A', 'pxd|1|A'],
    ['OBX2|1|A', 'OBX3|1|A'],
  ] as const) {
    expect(found(broken(one), broken(other), rules(OWN_TIME, SPELLING))).toEqual([
      expect.stringMatching(/^\?\?\?: value/),
    ]);
  }
});

test('given a text that a carriage return has broken in two, then what looks like a segment is not shown', () => {
  const broken = PLAIN.replace('DOE^JANE', '\rLEE|JANE');
  const differences = comparePayloads(Buffer.from(PLAIN), Buffer.from(broken), 'legacy', rules());
  expect(JSON.stringify(differences)).not.toMatch(/LEE|JANE/);
  expect(differences.map(({ path }) => path)).toContain('???');
  expect(featuresOf(Buffer.from(broken)).join()).not.toMatch(/LEE|JANE/);
});

describe('given a rule for the delimiters of MSH-2', () => {
  const OTHER = { path: 'MSH-2', kind: 'values', legacy: ['^~\\&'], new: ['^~@#'] };

  test('then what is written with the others and means the same is no difference', () => {
    const candidate = PLAIN.replace('^~\\&', '^~@#').replace('a&b', 'a#b');
    expect(found(PLAIN, candidate, rules(OTHER))).toEqual([]);
    const escaped = PLAIN.replace('a&b', 'x\\F\\y');
    expect(found(escaped, candidate.replace('a#b', 'x@F@y'), rules(OTHER))).toEqual([]);
  });

  test('then a value whose delimiters were left as they are is found', () => {
    expect(found(PLAIN, PLAIN.replace('^~\\&', '^~@#'), rules(OTHER, SPELLING))).toHaveLength(1);
    const escaped = PLAIN.replace('a&b', 'x\\F\\y');
    expect(found(escaped, escaped.replace('^~\\&', '^~@#'), rules(OTHER, SPELLING))).toHaveLength(1);
  });
});

test('given delimiters of its own, then a character that is usually one is not taken for it', () => {
  const own = 'MSH#$%!*#LAB\rPID#1##A$B\r';
  expect(found(own, own.replace('A$B', 'A^B'), rules(SPELLING))).not.toEqual([]);
});

describe('given a rule for one type of message', () => {
  const on = { messages: ['ORU^R01'] };
  const given = rules(
    { path: 'answer', kind: 'ignore', ...on },
    { path: 'MSH-18', kind: 'ignore', ...on },
    { ...SPELLING, ...on },
  );
  const order = PLAIN.replace('ORU^R01', 'ORM^O01');

  test('then it accepts no answer, charset or line end of another', () => {
    const observed = (text: string, verdict: string): Observation => ({
      platform: verdict === 'AA' ? 'legacy' : 'new',
      payload: Buffer.from(text, 'latin1'),
      msh10: '1',
      sha: 'same',
      atMs: 0,
      destination: 'north',
      answer: { verdict, payload: null },
    });
    expect(comparePair(observed(PLAIN, 'AA'), observed(PLAIN, 'AE'), given).matched).toBe(true);
    expect(comparePair(observed(order, 'AA'), observed(order, 'AE'), given).matched).toBe(false);
    expect(found(PLAIN, PLAIN.replaceAll('\r', '\n'), given)).toEqual([]);
    expect(found(order, order.replaceAll('\r', '\n'), given)).toEqual(['message: spelling: ends of segments']);
    const written = (encoding: BufferEncoding): Buffer => Buffer.from(order.replace('JANE', 'JÄNE'), encoding);
    const charset = comparePayloads(written('utf8'), written('latin1'), 'legacy', given);
    expect(charset.map(({ rule }) => rule)).toEqual([null]);
  });
});

describe('given bytes that no charset knows', () => {
  test('then two of them are not alike, whatever stands before them', () => {
    const spoilt = (byte: string): string => `\xef\xbb\xbf${PLAIN.replace('JANE', `J${byte}NE`)}`;
    expect(found(spoilt('\xe9'), spoilt('\xe8'), rules(SPELLING))).toEqual(['PID-5.2: value: AäA against AäA']);
  });

  test('then two escaped ones are not alike', () => {
    const utf8 = PLAIN.replace('2.5.1', '2.5.1||||||UNICODE UTF-8').replace('DOE', 'DÖE');
    const spoilt = (hex: string): string => utf8.replace('JANE', `J\\X${hex}\\NE`);
    expect(found(spoilt('C3'), spoilt('E9'), rules(SPELLING), 'utf8')).toHaveLength(1);
  });

  test('then two of ISO-2022-JP are not alike, and another announcement of the same is a spelling', () => {
    const japanese = (text: string): string => PLAIN.replace('2.5.1', '2.5.1||||||~ISO IR87').replace('JANE', text);
    const kanji = (cells: string): string => japanese(`\x1b$B${cells}\x1b(B`);
    expect(found(kanji('-!'), kanji('-"'), rules(SPELLING))).toHaveLength(1);
    expect(found(kanji(';3'), kanji(';3').replace('\x1b(B', '\x1b(J'), rules())).toEqual([
      'PID-5: spelling: the same, written differently',
    ]);
  });
});

describe('given a long text of lines, numbered by their segments', () => {
  const text = (lines: readonly string[]): string =>
    message(...lines.map((line, index) => `OBX|${index + 1}|TX|11502-2^Report^LN||${line}||||||F`));
  const lines = Array.from({ length: 2000 }, (_, index) => (index % 7 === 0 ? '' : `line ${index} of it`));

  test('then one that is dropped near its beginning and one that is changed near its end are those two alone', () => {
    const changed = lines.with(1990, 'line 1990 of them').toSpliced(10, 1);
    expect(found(text(lines), text(changed), rules())).toEqual([
      'OBX of 11502-2: segment-missing: not in the candidate',
      expect.stringMatching(/^OBX-5 of 11502-2: value/),
    ]);
  });

  test('then three that are dropped in the middle are those three, also where a line in front was put to the end', () => {
    const dropped = lines.toSpliced(700, 3);
    expect(found(text(lines), text(dropped), rules())).toEqual(
      Array(3).fill('OBX of 11502-2: segment-missing: not in the candidate'),
    );
    const [first = '', second = '', ...rest] = dropped;
    expect(found(text(lines), text([first, ...rest, second]), rules())).toHaveLength(4);
  });
});
