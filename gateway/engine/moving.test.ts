/** Rule 14: a feed on its way to another shard is there what it was here, and nothing of one journal is taken for the other's. */
import { expect, test } from 'vitest';
import { linkEpoch } from '../../core/epoch-history.ts';
import type { Effects } from './io.ts';
import { stateToMove } from './moving.ts';
import type { JournalMeta } from './records.ts';
import { Recovery } from './recovery.ts';
import { northsideEngine } from './test-engine.ts';

const AT = Date.UTC(2026, 0, 1);
const FACTS = { msh10: 'A1', sha: 'aaaaaaaaaaaa' };
const TEXT = Buffer.from('MSH|^~\\&|||||||ORM|A1');
const EMR = 'northside@10.0.0.1';

const ASKED: JournalMeta = {
  t: 'decision',
  id: '0-9',
  connection: 'northside',
  cause: 'output-missing',
  input: 3,
  inputFacts: FACTS,
  proposals: [{ msh10: 'B1', sha: 'bbbbbbbbbbbb', offset: 5 }],
  at: AT,
};
const DECIDED: JournalMeta = { t: 'resolution', id: '0-9', action: 'deliver', by: 'ann', reason: 'seen', at: AT };
const INPUT: JournalMeta = {
  t: 'input',
  feed: 'northside',
  sender: EMR,
  primary: 'legacy',
  shadow: null,
  attemptOf: null,
  at: AT,
  ...FACTS,
};
const ACCEPTED: JournalMeta = { t: 'input-verdict', feed: 'northside', input: 3, verdict: 'positive', at: AT };
const PARKED: JournalMeta = {
  t: 'list',
  list: 'parked',
  connection: 'northside',
  message: FACTS,
  offset: 4,
  cause: 'no-role',
  epoch: 1,
  at: AT,
};

const LEFT: JournalMeta = {
  t: 'moved-out',
  move: 'l',
  to: 1,
  feeds: ['northside'],
  connections: [{ name: 'northside', epoch: 1 }],
  sha256: '',
  at: AT,
};
const PEER = { host: '127.0.0.1', port: 9 };

type Kept = readonly [meta: JournalMeta, payload?: Buffer];

/** An engine that has read these records from offset 1 on. */
function replayed(
  records: readonly Kept[],
  over: object = {},
  effects: Partial<Effects> = {},
): Recovery & { readonly engine: ReturnType<typeof northsideEngine> } {
  const engine = northsideEngine(effects, over);
  const recovery = new Recovery(engine);
  records.forEach(([meta, payload = null], index) => {
    recovery.apply(1 + index, meta, payload);
  });
  return Object.assign(recovery, { engine });
}

/** The feed, as it comes to the other shard after these records. */
function moved(records: readonly Kept[], epoch = 2): Kept {
  const { engine } = replayed([[bornWith(1)], ...records]);
  const state = Buffer.from(JSON.stringify(stateToMove(engine, ['northside'])));
  return [{ t: 'moved-in', move: 'm', from: 0, epochs: [recordOf(epoch)], at: AT }, state];
}

function recordOf(epoch: number) {
  const route = { connection: 'northside', epoch, phase: 'legacy', newWeight: 0 } as const;
  const whence = { verb: 'init', by: 'init', origin: 'init', requestId: 'r', reason: null } as const;
  const at = new Date(AT).toISOString();
  return linkEpoch(null, { ...route, ...whence, changeId: null, approval: null, forced: false, at });
}

function bornWith(epoch: number): JournalMeta {
  return { t: 'epoch', record: recordOf(epoch), reowns: false, atOffset: false, at: AT };
}

test('given a decision about a message, when its feed has moved, a message with the same number there owes its output', () => {
  const came = moved([[ASKED], [DECIDED]]);
  const { engine } = replayed([[bornWith(1)], came, [INPUT, TEXT], [ACCEPTED]]);
  expect(engine.decisions.all()).toMatchObject([{ id: '0-9', input: { at: '0/3' }, resolved: { action: 'deliver' } }]);
  expect(engine.connections.get('northside')?.owedOutputs).toBe(1);
});

test('given a feed that has come, when its connection is renamed, its senders, decisions and epochs are still its own', () => {
  const came = moved([
    [INPUT, TEXT],
    [{ ...ACCEPTED, input: 2 }, Buffer.from('MSH|^~\\&\rMSA|AA|A1')],
    [ASKED],
    [DECIDED],
  ]);
  const { engine } = replayed([came], { name: 'uptown', previousNames: ['northside'] });
  expect(engine.feeds.get('uptown')?.intake.memory.last('uptown@10.0.0.1')?.outcome.kind).toBe('positive');
  expect(engine.decisions.all()).toMatchObject([{ id: '0-9', connection: 'uptown' }]);
  expect(engine.connections.get('uptown')?.route.epoch).toBe(2);
});

test('given a feed that went, was renamed and came back, its shard serves it, also from a checkpoint', () => {
  const [back, state] = moved([]);
  const renamed = { name: 'uptown', previousNames: ['northside'] };
  const text = (state?.toString() ?? '').replaceAll('northside', 'uptown');
  const record = { ...recordOf(2), connection: 'uptown' };
  const came: Kept = [{ ...back, epochs: [record] } as JournalMeta, Buffer.from(text)];
  const recovery = replayed([[bornWith(1)], [LEFT], came], renamed);
  const again = replayed([], renamed);
  again.load(JSON.parse(JSON.stringify(recovery.dump())));
  for (const { engine } of [recovery, again]) expect(engine.connections.get('uptown')?.fence).toBe(null);
});

test('given a feed that comes above epochs that this journal has lost, killed before its fence is written, it is fenced', () => {
  for (const [epoch, fence] of [
    [2, null],
    [5, { kind: 'restored' }],
  ] as const) {
    expect(replayed([moved([], epoch)]).engine.connections.get('northside')?.fence).toEqual(fence);
  }
});

test('what a list names in another journal is looked for in none of this one', () => {
  const records: readonly Kept[] = [[PARKED]];
  expect(replayed([[bornWith(1)], ...records]).neededFrom).toBe(4);
  const [came, state] = moved(records);
  const text = (state?.toString() ?? '').replaceAll('"0/4"', '"3/4"');
  expect(replayed([[came, Buffer.from(text)]]).neededFrom).toBe(null);
});

test('given copies that the candidate has rejected, when the feed has moved on the same route, they are still counted', () => {
  const copied: Kept = [{ ...INPUT, shadow: 'new' } as JournalMeta, TEXT];
  const refused: JournalMeta = {
    t: 'shadow',
    feed: 'northside',
    input: 2,
    platform: 'new',
    verdict: 'negative',
    at: AT,
  };
  const came = moved([copied, [{ ...ACCEPTED, input: 2 }], [refused]]);
  expect(replayed([came]).engine.connections.get('northside')?.rejectedCopies).toBe(1);
});

test('given a sender that listens, a shard calls it only while it serves its feed', () => {
  const sender = { connect: 'dial', host: '127.0.0.1', port: 7, platforms: { legacy: PEER, new: PEER } };
  const leg = { connect: 'dial', host: '127.0.0.1', port: 8 };
  const over = { feed: sender, legs: { legacy: leg, new: { port: 400 } } };
  const calledAfter = (records: readonly Kept[]): number[] => {
    const ports: number[] = [];
    const { engine } = replayed(records, over, { connect: (_socket, { port }) => void ports.push(port) });
    engine.callOut(AT);
    return ports;
  };
  expect(calledAfter([[bornWith(1)]])).toEqual([7, 8]);
  expect(calledAfter([[bornWith(1)], [LEFT]])).toEqual([]);
});
