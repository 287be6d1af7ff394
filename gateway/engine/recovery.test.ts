/** What a crash between two records leaves is said when the engine is rebuilt. */
import { expect, test } from 'vitest';
import { linkEpoch } from '../../core/epoch-history.ts';
import type { JournalMeta, RouteEpochRecord } from './records.ts';
import { Recovery } from './recovery.ts';
import type { ShardEngine } from './shard.ts';
import { northsideEngine } from './test-engine.ts';

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
const PARALLEL: RouteEpochRecord = {
  t: 'epoch',
  record: linkEpoch(null, {
    connection: 'northside',
    epoch: 2,
    phase: 'parallel',
    newWeight: 0,
    verb: 'parallel',
    by: 'ann',
    origin: 'verb',
    requestId: 'r1',
    reason: null,
    changeId: null,
    approval: null,
    forced: false,
    at: new Date(AT).toISOString(),
  }),
  reowns: false,
  atOffset: false,
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

test('given a delivery by decision that the destination took, it proves nothing of who owns the connection', () => {
  const taken: JournalMeta = { ...REJECTED, verdict: 'positive' };
  expect(recovered([DECISION, DELIVER, taken], false).connections.get('northside')?.observed).toBe(null);
});

test.each([
  { what: 'killed before its gap was on disk: a person is asked', gaps: [] },
  { what: 'killed before the question was: it is asked once', gaps: [gapOf(7, 9, 2)] },
])('given a copy whose message is no longer in the journal, when $what', ({ gaps }) => {
  for (const isCheckpointed of [false, true]) {
    const engine = recovered([PARALLEL, ...accepted(7), ...accepted(9), ...accepted(11), ...gaps], isCheckpointed, 10);
    const connection = engine.connections.get('northside');
    expect(connection?.gap).toMatchObject({ platform: 'new', from: 7, to: 9, count: 2, epoch: 2 });
    expect(engine.decisions.all()).toMatchObject([{ cause: 'shadow-gap', connection: 'northside', resolved: null }]);
    expect(engine.feeds.get('northside')?.shadows.new.lag).toBe(1);
    // Nothing of theirs is waited for by anybody; of the newest both outputs still are.
    expect([...(connection?.obligations.all() ?? [])].map(({ input, sides }) => [input, sides.new.state])).toEqual([
      [7, 'none'],
      [9, 'none'],
      [11, 'expected'],
    ]);
  }
});

test.each([
  {
    what: 'was still to come, whenever it is recovered: it is promised, and waited for',
    overdue: [],
    decisions: [],
    reowning: 1,
  },
  { what: 'was long overdue: a person is asked', overdue: [7], decisions: ['output-missing'], reowning: 0 },
])('given a weight and a forced rollback, when the output of the platform that answered $what', (given) => {
  const weighted = { ...PARALLEL, record: { ...PARALLEL.record, newWeight: 71 } };
  const forced = { ...PARALLEL.record, epoch: 3, verb: 'rollback', forced: true, digest: 'another' } as const;
  const rollback: JournalMeta = {
    ...PARALLEL,
    record: forced,
    reowns: true,
    overdue: given.overdue,
    at: AT + 3_600_000,
  };
  const engine = recovered([weighted, ...accepted(7), rollback], false);
  expect(engine.decisions.all().map(({ cause }) => cause)).toEqual(given.decisions);
  expect(engine.connections.get('northside')?.reowning).toBe(given.reowning);
});

test('given a gap that a person has closed, when it is recovered, it stays closed', () => {
  const asked: JournalMeta = {
    ...DECISION,
    id: '0-8',
    cause: 'shadow-gap',
    input: null,
    inputFacts: null,
    proposals: [],
  };
  const closed: JournalMeta = { t: 'resolution', id: '0-8', action: 'discard', by: 'ann', reason: 'replayed', at: AT };
  const engine = recovered([PARALLEL, ...accepted(7), gapOf(7, 7, 1), asked, closed], false, 8);
  expect(engine.connections.get('northside')?.gap).toBe(null);
  expect(engine.decisions.openOf('northside')).toBe(0);
});

test.each([
  false,
  true,
])('given a capture whose answer its platform never got, when it comes again and its platform is the owner by now, it is not delivered beside the other (checkpointed: %s)', (isCheckpointed) => {
  const text = 'MSH|^~\\&|||||||ORM|A7';
  const output = (platform: 'legacy' | 'new', role: 'deliver' | 'capture'): JournalMeta => ({
    t: 'output',
    connection: 'northside',
    platform,
    sender: `leg:${platform === 'legacy' ? 300 : 400}@127.0.0.1`,
    role,
    epoch: 2,
    input: 7,
    attemptOf: null,
    at: AT,
    msh10: 'A7',
    sha: 'aaaaaaaaaaaa',
  });
  const copied: JournalMeta = {
    t: 'shadow',
    feed: 'northside',
    input: 7,
    platform: 'new',
    verdict: 'positive',
    at: AT,
  };
  const delivered: JournalMeta = { ...REJECTED, output: 10, verdict: 'positive', reowned: false };
  const switched: JournalMeta = {
    ...PARALLEL,
    record: { ...PARALLEL.record, epoch: 3, phase: 'switched', verb: 'switch', digest: 'another' },
    atOffset: true,
  };
  const settled = [PARALLEL, ...accepted(7), copied, output('legacy', 'deliver'), output('new', 'capture'), delivered];
  const appended: JournalMeta[] = [];
  const engine = recovered([...settled, switched], isCheckpointed, 0, appended);
  engine.accepted(AT, { kind: 'leg', shard: 0, port: 400 }, 1, '127.0.0.1');
  engine.bytes(AT, 1, Buffer.from(`\x0b${text}\x1c\r`));
  expect(appended.filter(({ t }) => t === 'output')).toMatchObject([
    { platform: 'new', attemptOf: 11, role: 'suppress' },
  ]);
});

/** An input that is copied to new, and its primary's answer. */
function accepted(offset: number): JournalMeta[] {
  const sender = 'feed:northside/127.0.0.1';
  const facts = { msh10: `A${offset}`, sha: 'aaaaaaaaaaaa' };
  return [
    { t: 'input', feed: 'northside', sender, primary: 'legacy', shadow: 'new', attemptOf: null, at: AT, ...facts },
    { t: 'input-verdict', feed: 'northside', input: offset, verdict: 'positive', at: AT },
  ];
}

function gapOf(from: number, to: number, count: number): JournalMeta {
  return { t: 'shadow-gap', feed: 'northside', platform: 'new', from, to, count, cause: 'disk-full', at: AT };
}

/** An engine that has read these records, or a checkpoint of them. */
function recovered(
  records: readonly JournalMeta[],
  isCheckpointed: boolean,
  firstOffset = 0,
  appended: JournalMeta[] = [],
): ShardEngine {
  let engine = newEngine(appended);
  let recovery = new Recovery(engine);
  records.forEach((meta, index) => {
    recovery.apply(
      6 + index,
      meta,
      meta.t === 'input' || meta.t === 'output' ? Buffer.from(`MSH|^~\\&|||||||ORM|${meta.msh10}`) : null,
    );
  });
  if (isCheckpointed) {
    const state = JSON.parse(JSON.stringify(recovery.dump()));
    // What a person is asked about, else the oldest copy that waits, else what has no end.
    const oldest = records.includes(DECISION) ? 2 : records.some(({ t }) => t === 'output') ? 11 : 7;
    expect(recovery.neededFrom).toBe(oldest);
    engine = newEngine(appended);
    recovery = new Recovery(engine);
    recovery.load(state);
  }
  engine.runtime.nextOffset = 100;
  recovery.finish(AT, false, 'test', firstOffset);
  return engine;
}

function newEngine(appended: JournalMeta[]): ShardEngine {
  return northsideEngine({ append: (_offset, meta) => void appended.push(meta) });
}
