import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { compileRules } from '../rules/compile.ts';
import { NO_RULES } from '../rules/compiled.ts';
import { rulesFileSchema } from '../rules/rule.ts';
import { groupOf } from './difference.ts';
import {
  type CompiledRules,
  comparePair,
  comparePayloads,
  type Difference,
  type Observation,
  type PairResult,
} from './pair.ts';

const RESULT = [
  'MSH|^~\\&|LAB|MAIN|EMR|NORTH|20260301220000||ORU^R01|ID1|P|2.5.1|7|||||UNICODE UTF-8',
  'PID|1||100001^^^NS^MR~X-7^^^PRACTICE^PI||MÜLLER^JANE^Q||19700101|F|||1 Example Street^^Testville^ZZ',
  'ORC|RE|A-1|F-1',
  'OBR|1|A-1|F-1|24323-8^Comprehensive metabolic panel^LN|||20260301214500|||||||||||||||20260301220000|||F',
  ...['2345-7', '3094-0', '2160-0', '2951-2', '2823-3', '2075-0'].map(
    (code, index) => `OBX|${index + 1}|NM|${code}^Test ${code}^LN||${index + 10}.5|mg/dL|10-20|H|||F`,
  ),
  'NTE|1|L|Fasting status: 10 h \\F\\ confirmed by practice \\T\\ lab',
  'ZLR|1|BENCH3|AUTO~REVIEWED',
];

function observation(
  lines: readonly string[],
  over: Partial<Observation> = {},
  encoding: BufferEncoding = 'utf8',
): Observation {
  const payload = Buffer.from(lines.map((line) => `${line}\r`).join(''), encoding);
  const sha = createHash('sha256').update(payload).digest('hex');
  return { platform: 'legacy', payload, msh10: 'ID1', sha, atMs: 1000, destination: 'north', answer: null, ...over };
}

function compare(
  change: (lines: string[]) => string[],
  rules: CompiledRules = NO_RULES,
  encoding: BufferEncoding = 'utf8',
): PairResult {
  const candidate = observation(change([...RESULT]), { platform: 'new', atMs: 1500 }, encoding);
  return comparePair(observation(RESULT), candidate, rules);
}

function replaced(from: string | RegExp, to: string): (lines: string[]) => string[] {
  return (lines) => lines.join('\r').replace(from, to).split('\r');
}

const told = ({ differences }: PairResult): string[] => differences.map(groupOf);

describe('given two equal outputs', () => {
  test('then they match, and the delay is told', () => {
    expect(compare((lines) => lines)).toEqual({ matched: true, differences: [], delayMs: 500 });
  });
});

describe('given one change, when the outputs are compared, then it alone is named', () => {
  test.each<[string, (lines: string[]) => string[], string[]]>([
    ['a dropped OBX', (lines) => lines.toSpliced(6, 1), ['OBX of 2160-0: segment-missing: not in the candidate']],
    [
      'a dropped OBX, the rest renumbered',
      (lines) => lines.toSpliced(6, 1).map((line, index) => line.replace(/^OBX\|\d/, `OBX|${index - 3}`)),
      ['OBX of 2160-0: segment-missing: not in the candidate'],
    ],
    [
      'a doubled OBX',
      (lines) => lines.toSpliced(6, 0, lines[6] ?? ''),
      ['OBX of 2160-0: segment-extra: not in the control'],
    ],
    [
      'two OBX reordered',
      (lines) => lines.toSpliced(4, 2, lines[5] ?? '', lines[4] ?? ''),
      [expect.stringMatching(/^OBX of (2345-7|3094-0): segment-moved: stands elsewhere$/)],
    ],
    ['a changed unit', replaced('13.5|mg/dL', '13.5|mmol/L'), ['OBX-6 of 2951-2: value: mg/dL against mmol/L']],
    ['a number written otherwise', replaced('|10.5|', '|10.50|'), ['OBX-5 of 2345-7: number-format: 9.9 against 9.99']],
    ['a changed number', replaced('|10.5|', '|10.4|'), ['OBX-5 of 2345-7: value: 9.9 against 9.9']],
    [
      'a truncated text',
      replaced('24323-8^Comprehensive metabolic panel', '24323-8^Comprehensive meta'),
      ['OBR-4.2 of 24323-8: truncated: cut to 18 characters'],
    ],
    ['components swapped', replaced('^JANE^Q', '^Q^JANE'), ['PID-5: components-swapped: components 2 and 3 swapped']],
    ['a lost repetition', replaced('~X-7^^^PRACTICE^PI', ''), ['PID-3: repetition-missing: 2 repetitions against 1']],
    [
      'repetitions reordered',
      replaced('AUTO~REVIEWED', 'REVIEWED~AUTO'),
      ['ZLR-3: repetitions-moved: 2 repetitions in another order'],
    ],
    [
      'seconds lost',
      replaced('||20260301214500|', '||202603012145|'),
      ['OBR-7 of 24323-8: date-format: YYYYMMDDHHMMSS against YYYYMMDDHHMM'],
    ],
    ['a status changed', replaced('|||F\rOBX|1', '|||P\rOBX|1'), ['OBR-25 of 24323-8: value: F against P']],
    [
      'an empty field for a value',
      replaced('|H|||F\rOBX|2', '||||F\rOBX|2'),
      ['OBX-8 of 2345-7: value-missing: A against empty'],
    ],
    [
      '"" for an empty field',
      replaced('ORC|RE|A-1|F-1', 'ORC|RE|A-1|F-1|""'),
      ['ORC-4: null-against-empty: empty against ""'],
    ],
    ['an escape undone', replaced('\\T\\ lab', '& lab'), ['NTE-3 of 2075-0: escape: a delimiter that was escaped']],
    [
      'an escape escaped',
      replaced('\\T\\ lab', '\\E\\T\\E\\ lab'),
      ['NTE-3 of 2075-0: escape: escaped once too often or too rarely'],
    ],
    [
      'delimiters at the end',
      replaced('ORC|RE|A-1|F-1', 'ORC|RE|A-1^^|F-1'),
      ['ORC-2: spelling: the same, written differently'],
    ],
    ['a Z-segment dropped', (lines) => lines.slice(0, -1), ['ZLR: segment-missing: not in the candidate']],
    ['characters spoilt', replaced('MÜLLER', 'M?LLER'), ['PID-5.1: charset: characters spoilt']],
    ['UTF-8 encoded twice', replaced('MÜLLER', 'MÃ\u009cLLER'), ['PID-5.1: charset: characters spoilt']],
    [
      'another code for the same test',
      replaced('2951-2^Test', '2951-9^Test'),
      ['OBX-3.1 of 2951-2: value: 9-9 against 9-9'],
    ],
  ])('%s', (_, change, expected) => {
    const result = compare(change);
    expect(told(result)).toEqual(expected);
    expect(result.matched).toBe(false);
  });

  test('the bytes of another charset under the same MSH-18', () => {
    expect(told(compare((lines) => lines, NO_RULES, 'latin1'))).toEqual(['MSH-18: charset: utf-8 against latin1']);
  });

  test('one written in UTF-16 or UTF-32: the encoding, and each difference by its path', () => {
    const text = RESULT.map((line) => `${line}\r`).join('');
    const wide = (own: string, encoding: 'utf16le' | 'utf16be' | 'utf32le' | 'utf32be'): Buffer => {
      if (encoding === 'utf16le') return Buffer.from(own, 'utf16le');
      if (encoding === 'utf16be') return Buffer.from(own, 'utf16le').swap16();
      const points = Buffer.from(Uint32Array.from(own, (letter) => letter.codePointAt(0) ?? 0).buffer);
      return encoding === 'utf32le' ? points : points.swap32();
    };
    const between = (control: Buffer, candidate: Buffer): string[] =>
      comparePayloads(control, candidate, 'legacy', NO_RULES).map(groupOf);
    const changed = text.replace('|10.5|', '|10.4|').replace('MÜLLER', 'MÖLLER');
    for (const encoding of ['utf16le', 'utf16be', 'utf32le', 'utf32be'] as const) {
      const name = encoding.replace('utf', 'utf-');
      const found = ['PID-5.1: value: AäA against AäA', 'OBX-5 of 2345-7: value: 9.9 against 9.9'];
      expect(between(wide(text, encoding), wide(changed, encoding))).toEqual(found);
      expect(between(wide(text, encoding), wide(text, encoding))).toEqual([]);
      expect(between(wide(text, encoding), Buffer.from(changed))).toEqual([
        `MSH-18: charset: ${name} against utf-8`,
        ...found,
      ]);
      // A byte order mark alone stands before MSH.
      expect(between(wide(text, encoding), wide(`\ufeff${text}`, encoding))).toEqual([
        'message: spelling: bytes before MSH',
      ]);
      expect(between(wide(text, encoding), wide(text, encoding).subarray(1))).toEqual([
        expect.stringMatching(/^message|^MSH/),
      ]);
    }
  });

  test('line ends', () => {
    const candidate = observation(RESULT, { platform: 'new', sha: 'other' });
    const payload = Buffer.from(Buffer.from(candidate.payload).toString('utf8').replaceAll('\r', '\r\n'), 'utf8');
    expect(told(comparePair(observation(RESULT), { ...candidate, payload }, NO_RULES))).toEqual([
      'message: spelling: ends of segments',
    ]);
  });

  test('the bytes are gone before anyone has compared them', () => {
    const gone = { payload: new Uint8Array() };
    const result = comparePair(observation(RESULT, gone), observation(RESULT, { ...gone, sha: 'other' }), NO_RULES);
    expect(told(result)).toEqual(['message: unreadable: the bytes are not there']);
  });

  test('what is no HL7', () => {
    const candidate = { ...observation(RESULT, { platform: 'new', sha: 'other' }), payload: Buffer.from('<html>') };
    expect(told(comparePair(observation(RESULT), candidate, NO_RULES))).toEqual([
      'message: unreadable: candidate is no HL7',
    ]);
  });

  test('destination and answer', () => {
    const answer = (verdict: string) => ({ verdict, payload: null });
    const control = observation(RESULT, { answer: answer('AA') });
    const candidate = observation(RESULT, { platform: 'new', destination: 'south', answer: answer('AE') });
    expect(told(comparePair(control, candidate, NO_RULES))).toEqual([
      'destination: destination: sent to another destination',
      'answer: answer: AA against AE',
    ]);
  });
});

describe('given rules, when outputs differ in what they accept', () => {
  const rules = compileRules(
    [
      rulesFileSchema.parse({
        delayLimitSeconds: 60,
        rules: [
          { name: 'application', path: 'MSH-3', kind: 'table', table: { LAB: 'NEWLAB' }, ...on() },
          { name: 'own-time', path: 'MSH-7', kind: 'date', withinSeconds: 600, ...on() },
          { name: 'glucose-format', path: 'OBX-5', kind: 'numeric', codes: ['2345-7'], approver: 'lab', ...on() },
          { name: 'own-segment', path: 'ZRP', kind: 'ignore', ...on() },
          { name: 'spelling', path: '*', kind: 'spelling', ...on() },
        ],
      }),
    ],
    'north',
    '2026-03-01',
  );

  function on(): object {
    return { reason: 'each platform has its own', owner: 'integration', expires: '2026-12-31' };
  }

  const acceptedBy = ({ differences }: PairResult): (string | null)[] =>
    differences.map(({ rule }: Difference) => rule?.replace(/@.*/, '') ?? null);

  test('then it matches, and each difference names its rule and what is hidden', () => {
    const result = compare(
      (lines) =>
        replaced(
          '|10.5|',
          '|10.50|',
        )([...lines, 'ZRP|1|MAPPED'])
          .map((line) =>
            line
              .replace('MSH|^~\\&|LAB|', 'MSH|^~\\&|NEWLAB|')
              .replace('20260301220000||ORU', '20260301220003.123+0000||ORU'),
          )
          .map((line) => line.replace('ORC|RE|A-1|F-1', 'ORC|RE|A-1|F-1|')),
      rules,
    );
    expect(acceptedBy(result)).toEqual(['own-segment', 'application', 'own-time', 'spelling', 'glucose-format']);
    expect(result.matched).toBe(true);
    expect(result.differences.every(({ hidden }) => /^[0-9a-f]{16}$/.test(hidden?.pair ?? ''))).toBe(true);
    expect(result.differences[4]?.hidden?.numericDifference).toBe(0);
  });

  test.each<[string, (lines: string[]) => string[]]>([
    ['another value than the table has', replaced('|LAB|', '|OTHER|')],
    ['a time further away', replaced('20260301220000||ORU', '20260301223000||ORU')],
    ['another number', replaced('|10.5|', '|10.6|')],
    ['the number of another code', replaced('|11.5|', '|11.50|')],
  ])('then %s is still a difference', (_, change) => {
    const result = compare(change, rules);
    expect(result.matched).toBe(false);
    expect(acceptedBy(result)).toEqual([null]);
  });

  test('then an output that comes too late is a difference', () => {
    const candidate = observation(RESULT, { platform: 'new', atMs: 62_000 });
    expect(told(comparePair(observation(RESULT), candidate, rules))).toEqual(['delay: delay: later than 60 s']);
  });

  test('then a rule speaks of platforms: with new as control it accepts the same', () => {
    const control = observation(replaced('|LAB|', '|NEWLAB|')([...RESULT]), { platform: 'new' });
    expect(comparePair(control, observation(RESULT), rules).matched).toBe(true);
    expect(comparePair({ ...control, platform: 'legacy' }, observation(RESULT), rules).matched).toBe(false);
  });
});
