import { expect, test } from 'vitest';
import { type Inventory, parseInventory } from '../../core/inventory.ts';
import { judgeReload } from './reload.ts';

const [A, B, C] = [connection('a', 1), connection('b', 2), connection('c', 3)] as const;
const PRESENT = read([A, B]);

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
    what: 'a new one on the port of one that moves',
    next: [A, connection('b', 4), connection('c', 2)],
    served: ['a', 'b'],
    refused: ['before: b', 'port 202: c'],
  },
];

test.each(CASES)('$what', ({ next, served, refused }) => {
  const judged = judgeReload(PRESENT, read(next));
  expect(judged.next.connections.map(({ name }) => name)).toEqual(served);
  expect(judged.next.feeds.map(({ name }) => name)).toEqual(served);
  expect(judged.refused.map(({ connection: name, message }) => `${key(message)}: ${name}`)).toEqual(refused);
});

/** The words of a refusal that tell it from the others. */
function key(message: string): string {
  const found = ['former name', 'called b', 'port 202', 'before', 'it stays'].find((words) => message.includes(words));
  return found === 'it stays' ? 'a stays' : (found ?? message);
}

function connection(name: string, index: number): object {
  const peer = { host: '127.0.0.1', port: 9 };
  return {
    name,
    direction: 'orders',
    practice: 'p',
    wave: 'w',
    feed: { port: 200 + index, platforms: { legacy: peer, new: peer } },
    legs: { legacy: { port: 300 + index }, new: { port: 400 + index } },
    destination: peer,
  };
}

function read(connections: readonly object[]): Inventory {
  const text = JSON.stringify({
    deployment: 'lab',
    gateways: [{ shard: 0, admin: 'https://127.0.0.1:1' }],
    connections,
  });
  const parsed = parseInventory(text, 'inventory.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('\n'));
  return parsed.value;
}
