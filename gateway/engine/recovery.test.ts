/** What a crash between two records leaves is said when the engine is rebuilt. */
import { expect, test } from 'vitest';
import { parseInventory } from '../../core/inventory.ts';
import type { JournalMeta } from './records.ts';
import { Recovery } from './recovery.ts';
import { ShardEngine } from './shard.ts';

const AT = Date.UTC(2026, 0, 1);
const INPUT = { msh10: 'A1', sha: 'aaaaaaaaaaaa' };
const OUTPUT = { msh10: 'B1', sha: 'bbbbbbbbbbbb', offset: 5 };

const DECISION: JournalMeta = {
  t: 'decision',
  id: '0-6',
  connection: 'northside',
  cause: 'no-correlation',
  input: 2,
  inputFacts: INPUT,
  proposals: [OUTPUT],
  at: AT,
};
const DELIVER: JournalMeta = { t: 'resolution', id: '0-6', action: 'deliver', by: 'ann', reason: 'seen', at: AT };
const REJECTED: JournalMeta = {
  t: 'output-verdict',
  connection: 'northside',
  output: OUTPUT.offset,
  verdict: 'negative',
  reowned: true,
  at: AT,
};
const ASKED: JournalMeta = { ...DECISION, id: '0-9', cause: 'destination-rejected' };

test.each([
  { what: 'its decision was not written: a person is asked', records: [DECISION, DELIVER, REJECTED] },
  { what: 'its decision was written: it is asked once', records: [DECISION, DELIVER, REJECTED, ASKED] },
])('given a delivery by decision that the destination rejected, when $what', ({ records }) => {
  for (const isCheckpointed of [false, true]) {
    const engine = recovered(records, isCheckpointed);
    const open = engine.decisions.all().filter(({ resolved }) => resolved === null);
    expect(open).toMatchObject([
      { cause: 'destination-rejected', inputOffset: 2, input: { msh10: 'A1' }, proposalOffsets: [OUTPUT.offset] },
    ]);
  }
});

/** An engine that has read these records, or a checkpoint of them. */
function recovered(records: readonly JournalMeta[], isCheckpointed: boolean): ShardEngine {
  let engine = newEngine();
  let recovery = new Recovery(engine);
  records.forEach((meta, index) => {
    recovery.apply(6 + index, meta, null);
  });
  if (isCheckpointed) {
    const state = JSON.parse(JSON.stringify(recovery.dump()));
    expect(recovery.neededFrom).toBe(2);
    engine = newEngine();
    recovery = new Recovery(engine);
    recovery.load(state);
  }
  engine.runtime.nextOffset = 100;
  recovery.finish(AT, false, 'test');
  return engine;
}

function newEngine(): ShardEngine {
  const nothing = (): void => {};
  const peer = { host: '127.0.0.1', port: 9 };
  const connection = {
    name: 'northside',
    direction: 'orders',
    practice: 'p',
    wave: 'w',
    feed: { port: 200, platforms: { legacy: peer, new: peer } },
    legs: { legacy: { port: 300 }, new: { port: 400 } },
    destination: peer,
  };
  const gateways = [{ shard: 0, admin: 'https://127.0.0.1:1' }];
  const parsed = parseInventory(JSON.stringify({ deployment: 'lab', gateways, connections: [connection] }), 'i.yaml');
  if (!parsed.ok) throw new Error('the inventory of the test is wrong');
  const options = {
    inventory: parsed.value,
    shard: 0,
    target: 'local',
    frameLimitBytes: 1024,
    afterCrash: true,
  } as const;
  return new ShardEngine(options, {
    send: nothing,
    connect: nothing,
    close: nothing,
    pause: nothing,
    resume: nothing,
    append: nothing,
    read: nothing,
    arm: nothing,
    disarm: nothing,
    log: nothing,
  });
}
