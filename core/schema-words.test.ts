import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { formatProblem, parseYaml } from './located-yaml.ts';

const schema = z.strictObject({
  name: z.string().regex(/^[a-z]+$/, 'a name is lower-case letters'),
  list: z.array(z.string()).min(1).optional(),
  peer: z.strictObject({ host: z.string(), port: z.int().max(65_535) }).optional(),
  kind: z.enum(['orders', 'results', 'both']).optional(),
  named: z.record(z.string(), z.strictObject({ away: z.boolean() })).optional(),
  feed: z.union([z.string(), z.strictObject({ ackTimeout: z.string() })]).optional(),
  address: z.url({ protocol: /^https$/, error: 'an address has https' }).optional(),
});

function said(text: string): string[] {
  const parsed = parseYaml(text, 'f', schema);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

describe('given a file with a mistake, then a person reads what stands there, what may, and what to write', () => {
  test.each([
    ['nothing at all', '', 'f: there is nothing in it → write it; docs/reference/ lists the keys'],
    ['a key that is missing', 'kind: orders', "f:1: name: 'name' is missing → add it; docs/reference/ lists the keys"],
    ['a key without a value', 'name: a\nlist:', 'f:2: list: it has no value → write one, or leave the key out'],
    ['a name', 'name: Dr. Müller', "f:1: name: 'Dr. Müller': a name is lower-case letters → correct the value"],
    ['a number for a text', 'name: 12', 'f:1: name: it is 12; it must be a text → write it in quotes: "12"'],
    ['one for a list', 'name: a\nlist: b', "f:2: list: it is 'b'; it must be a list → write a list: [b]"],
    ['an empty list', 'name: a\nlist: []', 'f:2: list: it has 0 entries; the least is 1 → correct the value'],
    [
      'none of some',
      'name: a\nkind: result',
      "f:2: kind: it is 'result'; it can be orders, results or both → correct the value",
    ],
    [
      'too much',
      'name: a\npeer: { host: h, port: 65536 }',
      'f:2: peer.port: it is 65536; the most is 65535 → correct the value',
    ],
    [
      'a text for keys',
      'name: a\npeer: h:1',
      "f:2: peer: it is 'h:1'; it must be keys with values, as in { key: value } → correct the value",
    ],
  ])('%s', (_, text, line) => {
    expect(said(text)).toEqual([line]);
  });

  test.each([
    ['at the top', 'name: a\nlisst: [b]', "f:2: lisst: unknown key 'lisst'; did you mean 'list'?"],
    [
      'in an entry of a record',
      'name: a\nnamed: { x: { away: true, awya: 1 } }',
      "f:2: named.x.awya: unknown key 'awya'; did you mean 'away'?",
    ],
    [
      'in one form of several',
      'name: a\nfeed: { ackTimeout: 1s, ackTimout: 2s }',
      "f:2: feed.ackTimout: unknown key 'ackTimout'; did you mean 'ackTimeout'?",
    ],
  ])('a misspelt key %s is named with the one that was probably meant', (_, text, line) => {
    expect(said(text).join()).toContain(line);
  });
});

test('a value that may be a secret, or is long, is not repeated', () => {
  const address = 'http://hooks.example/T000/secret';
  expect(said(`name: a\naddress: ${address}`).join()).not.toContain('secret');
  expect(said(`name: ${'A'.repeat(100)}`).join()).not.toContain('AAAA');
});
