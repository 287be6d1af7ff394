import { expect, test } from 'vitest';
import { type Inventory, parseInventory } from '../../core/inventory.ts';
import { judgeReload } from './reload.ts';

const [A, B, C] = [connection('a', 1), connection('b', 2), connection('c', 3)] as const;
const PRESENT = { ...read([A, B]), shard: 0, former: new Set(['f']) };

const CASES: readonly {
  readonly what: string;
  readonly next: readonly object[];
  readonly served: string[];
  readonly refused: string[];
}[] = [
  { what: 'the same', next: [A, B], served: ['a', 'b'], refused: [] },
  { what: 'a new one', next: [A, B, C], served: ['a', 'b', 'c'], refused: [] },
  { what: 'one gone', next: [A], served: ['a'], refused: ['a stays: b'] },
  { what: 'a changed one', next: [A, { ...B, wave: 'late' }], served: ['a', 'b'], refused: ['before: b'] },
  {
    what: 'a renamed one',
    next: [A, { ...B, name: 'z', previousNames: ['b'] }],
    served: ['a'],
    refused: ['former name: b', 'called b: z'],
  },
  {
    what: 'a rename that does not say so',
    next: [A, { ...B, name: 'z' }],
    served: ['a'],
    refused: ['a stays: b', 'port 202: z'],
  },
  {
    what: 'ports swapped',
    next: [{ ...connection('a', 2) }, { ...connection('b', 1) }],
    served: ['a', 'b'],
    refused: ['before: a', 'before: b'],
  },
  {
    what: 'one that the journal knows',
    next: [A, B, connection('f', 6)],
    served: ['a', 'b'],
    refused: ['journal knows: f'],
  },
  {
    what: 'one that the journal knows under its former name',
    next: [A, B, { ...connection('g', 6), previousNames: ['f'] }],
    served: ['a', 'b'],
    refused: ['journal knows: g'],
  },
  {
    what: 'a new one on the feed of one that the journal knows',
    next: [
      A,
      B,
      ...['f', 'h'].map((name, at) => ({ ...connection(name, 6 + at), feed: 'lis', outputs: 'zero-or-one' })),
    ],
    served: ['a', 'b'],
    refused: ['journal knows: f', 'journal knows: h'],
  },
  {
    what: 'a new one on the port of one that moves',
    next: [A, connection('b', 4), connection('c', 2)],
    served: ['a', 'b'],
    refused: ['before: b', 'port 202: c'],
  },
];

test('one that the journal knows is no business of this shard where another one has it', () => {
  const elsewhere = read([A, B, { ...connection('f', 6), feed: { ...feed(6), shard: 1 } }]);
  expect(judgeReload(PRESENT, elsewhere).refused).toEqual([]);
});

test.each(CASES)('$what', ({ next, served, refused }) => {
  const judged = judgeReload(PRESENT, read(next));
  expect(judged.next.connections.map(({ name }) => name)).toEqual(served);
  expect(judged.next.feeds.map(({ name }) => name)).toEqual(served);
  expect(judged.refused.map(({ connection: name, message }) => `${key(message)}: ${name}`)).toEqual(refused);
});

/** The words of a refusal that tell it from the others. */
function key(message: string): string {
  const found = ['former name', 'called b', 'port 202', 'journal knows', 'before', 'it stays'].find((words) =>
    message.includes(words),
  );
  return found === 'it stays' ? 'a stays' : (found ?? message);
}

function connection(name: string, index: number): object {
  return {
    name,
    direction: 'orders',
    practice: 'p',
    wave: 'w',
    feed: feed(index),
    legs: { legacy: { port: 300 + index }, new: { port: 400 + index } },
    destination: peer(),
  };
}

function feed(index: number): object {
  return { port: 200 + index, platforms: { legacy: peer(), new: peer() } };
}

function peer(): object {
  return { host: '127.0.0.1', port: 9 };
}

function read(connections: readonly object[]): Inventory {
  const text = JSON.stringify({
    deployment: 'lab',
    gateways: [0, 1].map((shard) => ({ shard, admin: `https://127.0.0.1:${shard + 1}` })),
    feeds: [{ name: 'lis', ...feed(50) }],
    connections,
  });
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('\n'));
  return parsed.value;
}
