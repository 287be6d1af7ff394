/**
 * One entry of every kind that a ledger has, and every change of it that a byte can be: each is named by its entry. Then
 * what changes bytes and no meaning, and what two readers would read in two ways.
 */
import { describe, expect, test } from 'vitest';
import { readLedger } from './read-ledger.ts';
import { afterEntry, BYTES, bundle, LINES, type Line, naming, verdictOn } from './test-export.ts';
import { verifyAudit } from './verify.ts';

/** The first epochs, a switch, a rollback with a reason in two scripts, the signed document, an intent and a result. */
const ONE_OF_EACH = [1, 2, 201, 401, 402, 602, 999, 1000].map((seq): Line => LINES[seq - 1] ?? expect.fail());

describe('given one entry of each kind', () => {
  test('every byte of it, changed in every bit, removed, doubled, or made a line feed, is named by its entry', () => {
    for (const { line, seq } of ONE_OF_EACH) {
      // The signed document is 10 KB; the slow test goes through it byte by byte.
      const step = line.length > 4000 ? 97 : 1;
      for (let at = 0; at < line.length; at += step) {
        const own = line[at] ?? 0;
        const instead = [
          ...Array.from({ length: 8 }, (_, bit) => [own ^ (1 << bit)]),
          ...[[], [own, own], [0x0a], [own, 0x20], [0x30], [0xff]].filter(
            (bytes) => bytes.length !== 1 || bytes[0] !== own,
          ),
        ];
        for (const bytes of instead)
          expect(verdictOn(seq, at, bytes), `entry ${seq}, byte ${at}: ${bytes}`).toMatch(naming(seq, at));
      }
    }
  });

  test('what changes bytes and no meaning is named too: spaces, line ends, escapes, numbers, order, repeated keys', () => {
    for (const { line, seq } of ONE_OF_EACH) {
      const text = line.toString('utf8');
      const changes: [string, string][] = [
        ['a space', text.replace(',', ', ')],
        ['a tab at its end', text.replace('\n', '\t\n')],
        ['a carriage return', text.replace('\n', '\r\n')],
        ['no line feed', text.replace('\n', '')],
        ['an empty line', `\n${text}`],
        ['a byte order mark', `\ufeff${text}`],
        ['an escaped letter', text.replace('"kind"', '"\\u006bind"')],
        ['an escaped value', text.replace('"lead"', '"\\u006cead"')],
        ['an escaped slash', text.replace('"lead"', '"\\/lead"')],
        ['an escape in capitals', text.replace('\\u0007', '\\u0007'.toUpperCase())],
        ['a number with a point', text.replace(`"seq":${seq}`, `"seq":${seq}.0`)],
        ['a number with an exponent', text.replace(`"seq":${seq}`, `"seq":${seq}e0`)],
        ['a number that is too long', text.replace(`"seq":${seq}`, `"seq":${seq}.00000000000000000001`)],
        ['a key twice', text.replace('"deployment":', '"deployment":"lab-1","deployment":')],
        ['a key twice, once escaped', text.replace('"deployment":', '"\\u0064eployment":"lab-2","deployment":')],
        ['an inner key twice', text.replace('"body":{', '"body":{"__proto__":{"a":1},')],
        ['a prototype', text.replace('{', '{"__proto__":{"reason":"none"},')],
        ['a prototype in its order', text.replace('"body":{', '"body":{"\\u005f_proto__":{"a":1},')],
        [
          'another order',
          text.replace(/^\{("at":"[^"]+"),/, '{').replace(/\}\n$/, ',"at":"2026-03-01T22:00:00.000Z"}\n'),
        ],
        ['a member more', text.replace('"deployment":', '"comment":"","deployment":')],
        ['half a character', text.replace('"lead"', '"\\ud800"')],
        ['brackets without end', text.replace('"body":', `"body":${'['.repeat(50_000)}`)],
        ['a list of lists', text.replace('"body":', `"body":${'['.repeat(9000)}${']'.repeat(9000)},"x":`)],
        ['infinity', text.replace(`"seq":${seq}`, '"seq":1e999')],
        ['minus zero', text.replace(`"seq":${seq}`, '"seq":-0')],
      ];
      for (const [what, changed] of changes) {
        if (changed === text) continue;
        const { findings } = readLedger(Buffer.from(changed), 'lab-1', afterEntry(seq - 1));
        expect(
          findings.map(({ verdict }) => verdict),
          `${what} in entry ${seq}`,
        ).toContain('failed');
        expect(findings.find(({ verdict }) => verdict === 'failed')?.message, what).toMatch(naming(seq));
      }
    }
  });

  test('an accented letter spelt in two other ways, a quotation mark that looks alike', () => {
    const back = ONE_OF_EACH.find(({ line }) => line.includes('später')) ?? expect.fail();
    for (const [from, to] of [
      ['ä', 'a\u0308'],
      ['ä', '\\u00e4'],
      ['“', '"'],
      ['\\t', '\t'],
      ['\\u0007', '\u0007'],
    ] as const) {
      const changed = Buffer.from(back.line.toString('utf8').replace(from, to));
      const [finding] = readLedger(changed, 'lab-1', afterEntry(back.seq - 1)).findings;
      expect([to, finding?.verdict, finding?.message]).toEqual([to, 'failed', expect.stringMatching(naming(back.seq))]);
    }
  });
});

test('judged in the whole file, a change is named as it is beside its neighbours', () => {
  const lines = BYTES.toString('utf8').split('\n');
  const startOf = (seq: number): number => Buffer.byteLength(lines.slice(0, seq - 1).join('\n')) + (seq > 1 ? 1 : 0);
  for (const { seq } of ONE_OF_EACH) {
    for (const at of [60]) {
      const changed = Buffer.from(BYTES);
      const place = startOf(seq) + at;
      changed[place] = (changed[place] ?? 0) ^ 1;
      const { verdict, findings } = verifyAudit(bundle({ ledger: changed }));
      expect(verdict).toBe('red');
      const own = verdictOn(seq, at, [changed[place] ?? 0]);
      expect(findings.map(({ message }) => message)).toContain(own);
    }
  }
});
