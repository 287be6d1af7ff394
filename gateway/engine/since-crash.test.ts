/** Rule 3: the first message of each sender after a crash is listed, whatever restarts and checkpoints come before it. */
import { expect, test } from 'vitest';
import { stateToMove } from './moving.ts';
import type { JournalMeta } from './records.ts';
import { loadMoved } from './recovery/moved-state.ts';
import { JournalNames } from './recovery/names.ts';
import type { EngineState } from './recovery/state.ts';
import { Recovery } from './recovery.ts';
import type { ShardEngine } from './shard.ts';
import { SinceCrash } from './since-crash.ts';
import { northsideEngine } from './test-engine.ts';

const AT = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const EMR = '10.0.0.1';
const CLINIC = '10.0.0.2';

type Kept = { readonly meta: JournalMeta; readonly payload: Buffer | null };
type Ending = 'crash' | 'stop';
type Place = 'feed' | 'leg';

const ENDPOINTS = {
  feed: { kind: 'feed', feed: 'northside' },
  leg: { kind: 'leg', shard: 0, port: 300 },
} as const;

/** A gateway, run after run over one journal. */
class Gateway {
  readonly journal: Kept[] = [];
  engine: ShardEngine;
  nowMs = AT;
  #checkpoint: { readonly offset: number; readonly state: EngineState } | null = null;
  #sockets = 1;

  constructor() {
    this.engine = this.#start(true);
  }

  ends(how: Ending): void {
    this.engine = this.#start(how === 'stop');
  }

  /** Of every record so far; what is started from now on begins with it. */
  makeCheckpoint(change: (state: EngineState) => EngineState = (state) => state): void {
    const { recovery } = this.#read();
    this.#checkpoint = { offset: this.journal.length, state: change(JSON.parse(JSON.stringify(recovery.dump()))) };
  }

  send(id: string, sender = EMR, place: Place = 'feed'): void {
    const socket = this.#sockets;
    this.#sockets += 2;
    this.engine.accepted(this.nowMs, ENDPOINTS[place], socket, sender);
    this.engine.bytes(this.nowMs, socket, Buffer.from(`\x0b${textOf(id)}\x1c\r`));
  }

  /** As if its platform had answered it. */
  accepts(id: string): void {
    this.send(id);
    const input = this.journal.length;
    const verdict = { t: 'input-verdict', feed: 'northside', input, verdict: 'positive', at: AT } as const;
    this.journal.push({ meta: verdict, payload: Buffer.from(`MSH|^~\\&|||||||ACK|X\rMSA|AA|${id}`) });
  }

  /** What is listed as the first of its sender after a crash. */
  get doubted(): readonly string[] {
    return this.journal.flatMap(({ meta }) =>
      meta.t === 'list' && meta.cause === 'before-crash' ? [meta.message.msh10] : [],
    );
  }

  #start(clean: boolean): ShardEngine {
    const { engine, recovery } = this.#read();
    engine.runtime.nextOffset = this.journal.length + 1;
    recovery.finish(this.nowMs, clean, 'test');
    return engine;
  }

  #read(): { readonly engine: ShardEngine; readonly recovery: Recovery } {
    const engine = northsideEngine({
      append: (_offset, meta, payload) =>
        void this.journal.push({ meta, payload: payload === null ? null : Buffer.from(payload) }),
    });
    const recovery = new Recovery(engine);
    const { offset, state } = this.#checkpoint ?? { offset: 0, state: null };
    if (state !== null) recovery.load(state);
    for (const [index, { meta, payload }] of this.journal.entries())
      if (index >= offset) recovery.apply(index + 1, meta, payload);
    return { engine, recovery };
  }
}

test.each<[place: Place, isCheckpointed: boolean]>([
  ['feed', false],
  ['feed', true],
  ['leg', false],
  ['leg', true],
])('given a crash and then a stop in good order, when a sender of a %s is back only then, its first message is listed (checkpoint between: %s)', (place, isCheckpointed) => {
  const gateway = new Gateway();
  gateway.send('A1', EMR, place);
  gateway.ends('crash');
  if (isCheckpointed) gateway.makeCheckpoint();
  gateway.ends('stop');
  gateway.send('A2', EMR, place);
  gateway.send('A3', EMR, place);
  gateway.send('B1', CLINIC, place);
  expect(gateway.doubted).toEqual(['A2', 'B1']);
});

test.each<[place: Place, isCheckpointed: boolean]>([
  ['feed', false],
  ['feed', true],
  ['leg', false],
  ['leg', true],
])('given a sender of a %s that was back before the stop, it is not listed again (checkpoint between: %s)', (place, isCheckpointed) => {
  const gateway = new Gateway();
  gateway.ends('crash');
  gateway.send('A1', EMR, place);
  if (isCheckpointed) gateway.makeCheckpoint();
  gateway.ends('stop');
  gateway.send('A2', EMR, place);
  gateway.send('B1', CLINIC, place);
  expect(gateway.doubted).toEqual(['A1', 'B1']);
});

test.each<Place>([
  'feed',
  'leg',
])('given a sender of a %s that tried its last message again before the stop, its next one is not listed', (place) => {
  const gateway = new Gateway();
  gateway.send('A1', EMR, place);
  gateway.ends('crash');
  gateway.send('A1', EMR, place);
  gateway.ends('stop');
  gateway.send('A2', EMR, place);
  gateway.send('B1', CLINIC, place);
  expect(gateway.doubted).toEqual(['B1']);
});

test('given a sender that only asked for its last answer again before the stop, its next message is not listed: nothing came between', () => {
  const gateway = new Gateway();
  gateway.accepts('A1');
  gateway.ends('crash');
  gateway.send('A1');
  expect(gateway.journal.at(-1)?.meta).toMatchObject({ t: 'list', list: 'answeredAgain' });
  gateway.ends('stop');
  gateway.send('A2');
  expect(gateway.doubted).toEqual([]);
});

test('given a message that a hold kept out of the journal until the stop, its sender is not listed again', () => {
  const gateway = new Gateway();
  gateway.ends('crash');
  gateway.engine.hold(AT, 'northside', 60_000);
  gateway.send('A1');
  expect(gateway.journal.at(-1)?.meta).toMatchObject({ t: 'list', cause: 'before-crash' });
  gateway.ends('stop');
  gateway.send('A2');
  expect(gateway.doubted).toEqual(['A1']);
});

test('given two crashes with a stop in good order between them, who was heard between is in doubt again, and nobody is twice', () => {
  const gateway = new Gateway();
  gateway.ends('crash');
  gateway.send('A1');
  gateway.ends('stop');
  gateway.makeCheckpoint();
  gateway.ends('crash');
  gateway.ends('stop');
  for (const id of ['A2', 'A3']) gateway.send(id);
  for (const id of ['B1', 'B2']) gateway.send(id, CLINIC);
  expect(gateway.doubted).toEqual(['A1', 'A2', 'B1']);
});

test('given no crash, or a checkpoint of a version that did not keep it, nobody is listed', () => {
  const sound = new Gateway();
  sound.ends('stop');
  sound.send('A1');
  const former = new Gateway();
  former.ends('crash');
  former.makeCheckpoint(({ legsSinceCrash: _legs, feeds, ...state }) => ({
    ...state,
    feeds: Object.fromEntries(Object.entries(feeds).map(([name, { sinceCrash: _feed, ...feed }]) => [name, feed])),
  }));
  former.ends('stop');
  former.send('A1');
  former.send('O1', EMR, 'leg');
  expect([...sound.doubted, ...former.doubted]).toEqual([]);
});

test('given a crash that is long past, a sender that is heard for the first time is a new one', () => {
  const gateway = new Gateway();
  gateway.ends('crash');
  gateway.nowMs += 30 * DAY_MS;
  gateway.ends('stop');
  gateway.send('A1');
  gateway.nowMs += 1;
  gateway.send('B1', CLINIC);
  expect(gateway.doubted).toEqual(['A1']);
});

test('given a feed that goes to another shard after a crash, its senders are in doubt there, but for those that were back', () => {
  const former = new Gateway();
  former.ends('crash');
  former.send('A1');
  former.send('O1', EMR, 'leg');
  const heir = new Gateway();
  const names = new JournalNames(heir.engine);
  loadMoved({ engine: heir.engine, names }, JSON.parse(JSON.stringify(stateToMove(former.engine, ['northside']))));
  for (const place of ['feed', 'leg'] as const) {
    heir.send('A2', EMR, place);
    heir.send('B1', CLINIC, place);
  }
  expect(heir.doubted).toEqual(['B1', 'B1']);
});

test('rule 15: it remembers no more senders than the retry memory does', () => {
  const sinceCrash = new SinceCrash();
  sinceCrash.crashed(AT);
  for (let index = 0; index < 25_000; index++) sinceCrash.hears(`northside@${index}`, AT);
  expect(sinceCrash.hears('northside@24999', AT)).toBe(false);
  expect(sinceCrash.dump()?.heard.length).toBeLessThanOrEqual(10_000);
});

function textOf(id: string): string {
  return `MSH|^~\\&|||||||ORM|${id}`;
}
