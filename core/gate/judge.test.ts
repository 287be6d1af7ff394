/** Every criterion of the gate, green, red and unknown: given what was seen, when the gate judges, then. */
import { describe, expect, test } from 'vitest';
import { type ConnectionStatus, noCounters } from '../admin-api.ts';
import { DEFAULT_PROGRAMME } from '../planning/programme.ts';
import { profileOf } from '../planning/traffic.ts';
import { CRITERIA } from './criteria.ts';
import { parseHandover } from './handover.ts';
import { judgeGate } from './judge.ts';
import type { Drill, Earlier, GateConnection, Observations, Observed } from './observations.ts';
import { parseRaid } from './raid.ts';
import type { ValidWaiver } from './waiver.ts';

/** A Saturday, 23:00 in Chicago. */
const NOW = Date.parse('2026-03-08T05:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const observed = <T>(value: T): Observed<T> => ({ kind: 'observed', value, evidence: ['sha256:1'] });
const UNKNOWN = { kind: 'unknown', message: 'it did not answer' } as const;
const ABSENT = { kind: 'not-configured', message: 'it is not there' } as const;

function status(over: Partial<ConnectionStatus> = {}): ConnectionStatus {
  return {
    name: 'a',
    feed: 'a',
    phase: 'parallel',
    control: 'legacy',
    candidate: 'new',
    primary: 'legacy',
    newWeight: 0,
    epoch: 2,
    state: 'steady',
    inFlight: 0,
    owedOutputs: 0,
    shadowLag: 0,
    rollbackReady: { ready: false, reasons: [] },
    decisions: 0,
    changed: { by: 'ops', at: '2026-03-01T00:00:00Z', reason: null },
    observed: { epoch: 2, deliveredFrom: 'legacy', at: new Date(NOW - HOUR).toISOString() },
    counters: noCounters(),
    ...over,
  };
}

const WINDOW = { days: ['sat' as const], from: '22:00', to: '04:00', timeZone: 'America/Chicago' };

function connection(over: Partial<GateConnection> = {}): GateConnection {
  return {
    name: 'a',
    wave: 'pilot',
    origin: 'feed',
    vendor: 'acme',
    owner: 'integration-team',
    window: WINDOW,
    unclassifiedEffects: [],
    effectsAreKnown: true,
    status: observed(status()),
    ...over,
  };
}

const drain: Earlier<Drill> = {
  digest: 'sha256:2',
  atMs: NOW - DAY,
  value: {
    kind: 'drain',
    cycle: [],
    connections: [{ name: 'a', verdict: 'passed', reason: null, epoch: 2, drainMs: 90, boundMs: 5000 }],
  },
};
const cycle: Earlier<Drill> = {
  digest: 'sha256:3',
  atMs: NOW - DAY,
  value: { kind: 'cycle', connections: [], cycle: [{ verb: 'rollback', exitCode: 0, movedMs: 900 }] },
};

const HANDOVER = `
handOffs:
  legacy: [{ what: keep queues for a week, contact: lee, agreed: 2026-03-01 }]
  new: [{ what: on call, contact: kim, agreed: 2026-03-01 }]
  emr: [{ vendor: acme, what: watch the first orders, contact: ada, agreed: 2026-03-01 }]
  lis: [{ what: check the interface log, contact: bo, agreed: 2026-03-01 }]
knowledgeTransfer: [{ topic: runbooks, to: on-call, done: 2026-03-02 }]
notices: [{ wave: pilot, to: northside, sent: 2026-03-03 }]
onCall: [{ team: integration-team, people: [{ name: dana, role: on-call, phone: "+1 555 0103" }] }]
bridge: { dialIn: "+1 555 0100", contacts: [{ name: ann, role: lead, phone: "+1 555 0101" }] }
roster: [{ wave: pilot, people: [{ name: bob, role: integration, phone: "+1 555 0102" }] }]
`;
const RAID = `
items:
  - { id: R-1, kind: risk, title: EMR vendor on leave, severity: medium, owner: ann, opened: 2026-02-01, review: 2026-04-01 }
  - { id: I-1, kind: issue, title: old cable, severity: high, owner: bob, opened: 2026-02-01, review: 2026-02-10, closed: 2026-02-05 }
`;

function handover(change: (text: string) => string = (text) => text): Observed<ReturnType<typeof handoverIn>> {
  return observed(handoverIn(change(HANDOVER)));
}
function handoverIn(text: string) {
  const parsed = parseHandover(text, 'handover.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}
function raid(text: string) {
  const parsed = parseRaid(text, 'raid.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return observed(parsed.value);
}

/** Busy on weekdays, three messages an hour at night, for four weeks. */
const slots = Array.from({ length: 28 * 96 }, (_, index) => {
  const startMs = NOW - 28 * DAY + index * (HOUR / 4);
  const hour = new Date(startMs).getUTCHours();
  return { startMs, messages: hour >= 14 && hour < 23 ? 50 : 1 };
});
const profile = profileOf({ slots, observed: [{ fromMs: NOW - 28 * DAY, toMs: NOW }], timeZone: 'America/Chicago' });

function seen(over: Partial<Observations> = {}): Observations {
  return {
    nowMs: NOW,
    connections: [connection()],
    comparison: observed(new Map([['a', { verdict: 'green', reasons: [] }]])),
    drills: observed([drain, cycle]),
    reconciliations: observed([
      { digest: 'sha256:4', atMs: NOW - HOUR, value: new Map([['a', { verdict: 'green', reasons: [] }]]) },
    ]),
    connectivity: [],
    withoutFeed: [],
    alertReceipts: observed([{ digest: 'sha256:5', atMs: NOW - DAY, value: { by: 'dana', connections: ['a'] } }]),
    raid: raid(RAID),
    handover: handover(),
    night: {
      programme: DEFAULT_PROGRAMME,
      needs: { switchMs: HOUR / 6, verifyMs: HOUR, rollbackMs: HOUR / 4 },
      traffic: observed(profile),
    },
    ...over,
  };
}

function reds(observations: Observations, waivers: readonly ValidWaiver[] = []): string[] {
  const { verdict, criteria } = judgeGate(observations, waivers, 'ops');
  const found = criteria.filter((one) => one.verdict === 'red').map(({ id, reason }) => `${id}: ${reason}`);
  expect(verdict).toBe(found.length === 0 ? 'green' : 'red');
  return found;
}

test('access that has not changed hands is red', () => {
  const access = 'access: [{ what: admin tokens, from: prior, to: new team, owner: kim }]\n';
  const open = reds(seen({ handover: handover((text) => text + access) }));
  expect(open).toEqual([expect.stringMatching(/^handover: .*new team has no access yet: admin tokens/)]);
});

test('everything seen and well: green, every criterion with a reason', () => {
  expect(reds(seen())).toEqual([]);
  expect(judgeGate(seen(), [], 'ops').criteria.every(({ reason }) => reason !== '')).toBe(true);
});

const withStatus = (over: Partial<ConnectionStatus>) => ({
  connections: [connection({ status: observed(status(over)) })],
});
const night = (over: Partial<Observations['night']>) => ({ night: { ...seen().night, ...over } });
const drills = (...all: Earlier<Drill>[]) => ({ drills: observed(all) });
const drained = (over: Partial<Drill['connections'][number]>): Earlier<Drill> => ({
  ...drain,
  value: { ...drain.value, connections: drain.value.connections.map((one) => ({ ...one, ...over })) },
});
const RED: [string, Partial<Observations>, RegExp][] = [
  [
    'outputs-match',
    { comparison: observed(new Map([['a', { verdict: 'red', reasons: ['12 pairs differ'] }]])) },
    /a: 12 pairs differ/,
  ],
  ['outputs-match', { comparison: observed(new Map()) }, /says nothing of it/],
  ['outputs-match', { comparison: UNKNOWN }, /unknown: it did not answer/],
  ['outputs-match', { comparison: ABSENT }, /not configured/],
  ['drain-rehearsed', drills(cycle), /never rehearsed/],
  [
    'drain-rehearsed',
    drills(drained({ verdict: 'failed', reason: 'new did not answer' }), cycle),
    /failed: new did not answer/,
  ],
  ['drain-rehearsed', drills(drained({ verdict: 'idle', reason: 'no message' }), cycle), /saw no traffic/],
  ['drain-rehearsed', drills({ ...drain, atMs: NOW - 8 * DAY }, cycle), /rehearsed 8 days ago/],
  ['drain-rehearsed', drills(drained({ epoch: 1 }), cycle), /at epoch 1, and is at 2/],
  ['drain-rehearsed', drills(drained({ drainMs: 6000 }), cycle), /took 6000 ms of 5000 ms/],
  ['connectivity', withStatus({ observed: null }), /nobody attested it/],
  [
    'connectivity',
    withStatus({ observed: { epoch: 2, deliveredFrom: 'legacy', at: new Date(NOW - 3 * DAY).toISOString() } }),
    /last 3 days ago/,
  ],
  ['rollback-drilled', drills(drain), /no rollback was ever drilled/],
  ['rollback-drilled', drills(drain, { ...cycle, atMs: NOW - 31 * DAY }), /31 days ago/],
  [
    'rollback-drilled',
    drills(drain, { ...cycle, value: { ...cycle.value, cycle: [{ verb: 'rollback', exitCode: 1, movedMs: 9 }] } }),
    /ended with 1/,
  ],
  [
    'rollback-drilled',
    drills(drain, { ...cycle, value: { ...cycle.value, cycle: [{ verb: 'rollback', exitCode: 0, movedMs: 90_000 }] } }),
    /took 90000 ms/,
  ],
  ['rollback-ready', withStatus({ shadowLag: 5000 }), /5000 messages behind/],
  ['rollback-ready', withStatus({ decisions: 2 }), /2 of its messages wait/],
  ['rollback-ready', withStatus({ state: 'held' }), /says 'held'/],
  [
    'rollback-ready',
    withStatus({ readiness: { lastLegacyMatch: null, legacyRejects: 0, certificateDays: 3, diskFreeBytes: null } }),
    /a certificate of its gateway ends in 3 days/,
  ],
  [
    'rollback-ready',
    withStatus({ readiness: { lastLegacyMatch: null, legacyRejects: 0, certificateDays: null, diskFreeBytes: 1e6 } }),
    /the disk with the captures has 0 MiB left/,
  ],
  ['on-call', { alertReceipts: ABSENT }, /not configured/],
  [
    'on-call',
    {
      alertReceipts: observed([{ digest: 'sha256:5', atMs: NOW - 9 * DAY, value: { by: 'dana', connections: ['a'] } }]),
    },
    /9 days ago/,
  ],
  [
    'on-call',
    { alertReceipts: observed([{ digest: 'sha256:5', atMs: NOW, value: { by: 'lee', connections: ['a'] } }]) },
    /acknowledged by lee, who is not on call of integration-team/,
  ],
  [
    'on-call',
    { alertReceipts: observed([{ digest: 'sha256:5', atMs: NOW, value: { by: 'dana', connections: ['b'] } }]) },
    /no alert of it was ever acknowledged/,
  ],
  ['on-call', { connections: [connection({ owner: null })] }, /names no team under `owners.new`/],
  ['on-call', { connections: [connection({ owner: 'others' })] }, /nobody under `onCall` of others/],
  ['on-call', { alertReceipts: UNKNOWN }, /unknown/],
  ['reconciliation-ready', { reconciliations: ABSENT }, /not configured/],
  [
    'reconciliation-ready',
    {
      reconciliations: observed([
        { digest: 'x', atMs: NOW, value: new Map([['a', { verdict: 'red', reasons: ['3 missing'] }]]) },
      ]),
    },
    /a: 3 missing/,
  ],
  [
    'reconciliation-ready',
    {
      reconciliations: observed([
        { digest: 'x', atMs: NOW - 3 * DAY, value: new Map([['a', { verdict: 'green', reasons: [] }]]) },
      ]),
    },
    /3 days ago/,
  ],
  ['window', { connections: [connection({ window: null })] }, /not configured: it has no change window/],
  [
    'window',
    { connections: [connection({ window: { ...WINDOW, days: ['wed'] } })] },
    /closed, and the next one is more than a day away/,
  ],
  ['window', night({ needs: { switchMs: 4 * HOUR, verifyMs: HOUR, rollbackMs: HOUR } }), /it needs 360/],
  ['window', night({ traffic: UNKNOWN }), /unknown: it did not answer/],
  ['window', night({ traffic: ABSENT }), /not configured/],
  [
    'window',
    night({
      programme: { ...DEFAULT_PROGRAMME, freezes: [{ from: '2026-03-01', to: '2026-03-31', reason: 'audit' }] },
    }),
    /within the freeze/,
  ],
  ['side-effects', { connections: [connection({ unclassifiedEffects: ['email'] })] }, /not classified: email/],
  ['side-effects', { connections: [connection({ effectsAreKnown: false })] }, /not configured: nobody has said what/],
  ['raid', { raid: ABSENT }, /not configured/],
  ['raid', { raid: UNKNOWN }, /unknown/],
  ['raid', { raid: raid(RAID.replace('severity: medium', 'severity: high')) }, /R-1 is open and high/],
  [
    'raid',
    { raid: raid(RAID.replace('review: 2026-04-01', 'review: 2026-03-01')) },
    /R-1 was to be reviewed by 2026-03-01/,
  ],
  [
    'handover',
    { handover: handover((text) => text.replace('contact: bo, agreed: 2026-03-01', 'contact: bo')) },
    /lis has not agreed/,
  ],
  [
    'raid',
    { raid: raid(RAID.replace('severity: medium', 'severity: high, closed: 2099-01-01')) },
    /R-1 is open and high/,
  ],
  [
    'handover',
    {
      handover: handover((text) => text.replace('contact: bo, agreed: 2026-03-01', 'contact: bo, agreed: 2099-03-01')),
    },
    /lis has not agreed/,
  ],
  [
    'handover',
    { handover: handover((text) => text.replace('done: 2026-03-02', 'done: 2099-03-02')) },
    /not transferred to on-call: runbooks/,
  ],
  [
    'people',
    { handover: handover((text) => text.replace('sent: 2026-03-03', 'sent: 2099-03-03')) },
    /northside is not sent/,
  ],
  [
    'handover',
    { handover: handover((text) => text.replace('vendor: acme', 'vendor: other')) },
    /no hand-off is written down for acme/,
  ],
  [
    'handover',
    { handover: handover((text) => text.replace(', done: 2026-03-02', '')) },
    /not transferred to on-call: runbooks/,
  ],
  [
    'people',
    { handover: handover((text) => text.replace(', sent: 2026-03-03', '')) },
    /notice of wave pilot to northside is not sent/,
  ],
  [
    'people',
    { handover: handover((text) => text.replaceAll('wave: pilot', 'wave: second')) },
    /no notice is written down for wave pilot.*and 1 more/,
  ],
];

test.for(RED)('%s is red, and only that: %#', ([id, over, reason]) => {
  const found = reds(seen(over));
  expect(found).toEqual([expect.stringMatching(reason)]);
  expect(found[0]?.startsWith(`${id}: `)).toBe(true);
});

test('each criterion is in that list, and has a remedy', () => {
  expect(new Set(RED.map(([id]) => id))).toEqual(new Set(CRITERIA.map(({ id }) => id)));
  expect(CRITERIA.every(({ remedy }) => remedy !== '')).toBe(true);
});

test('a gateway that cannot be asked is red wherever it is needed; nothing selected is red', () => {
  const found = reds(seen({ connections: [connection({ status: UNKNOWN })] }));
  expect(found.map((one) => one.split(':')[0])).toEqual(['connectivity', 'rollback-ready']);
  expect(judgeGate(seen({ connections: [] }), [], 'ops').verdict).toBe('red');
});

describe('a waiver', () => {
  const waiver: ValidWaiver = {
    kind: 'waiver',
    deployment: 'lab-1',
    criterion: 'window',
    connections: ['a'],
    reason: 'lab is closed',
    notAfter: '2026-03-09T00:00:00Z',
    by: 'bob@lab',
    names: ['bob@lab', 'rsmith'],
  };
  const late = seen({ connections: [connection({ window: null })] });

  test('takes its own red away, and is shown', () => {
    const { verdict, criteria } = judgeGate(late, [waiver], 'ops');
    expect(verdict).toBe('green');
    expect(criteria.find(({ id }) => id === 'window')).toMatchObject({
      verdict: 'waived',
      waivers: [{ by: 'bob@lab', reason: 'lab is closed' }],
    });
  });

  test('takes nothing else away, nor for other connections, nor by the one who operates', () => {
    expect(reds(late, [{ ...waiver, criterion: 'raid' }])).toHaveLength(1);
    expect(reds(late, [{ ...waiver, connections: ['b'] }])).toHaveLength(1);
    for (const operator of ['bob', 'rsmith']) expect(judgeGate(late, [waiver], operator).verdict).toBe('red');
    const two = { ...late, connections: [...late.connections, connection({ name: 'b', window: null })] };
    expect(reds({ ...two, ...both }, [waiver])).toHaveLength(1);
  });
});

const both: Partial<Observations> = {
  alertReceipts: observed([{ digest: 'sha256:5', atMs: NOW, value: { by: 'dana', connections: ['a', 'b'] } }]),
  comparison: observed(new Map(['a', 'b'].map((name) => [name, { verdict: 'green' as const, reasons: [] }]))),
  reconciliations: observed([
    {
      digest: 'x',
      atMs: NOW,
      value: new Map(['a', 'b'].map((name) => [name, { verdict: 'green' as const, reasons: [] }])),
    },
  ]),
  drills: observed([
    {
      ...drain,
      value: { ...drain.value, connections: drain.value.connections.flatMap((one) => [one, { ...one, name: 'b' }]) },
    },
    cycle,
  ]),
};

test('given no connection at all, then nothing is waived, and nothing is green as a whole', () => {
  const found = judgeGate({ ...seen({}), connections: [], comparison: ABSENT }, [], 'ops');
  expect(found.verdict).toBe('red');
  expect(found.criteria.find(({ id }) => id === 'outputs-match')?.verdict).toBe('red');
});

describe('given a connection without a feed, which nothing compares and nothing drains', () => {
  const of = (id: string, over: Partial<Observations>) => {
    const found = judgeGate(seen({ connections: [connection({ origin: 'platform' })], ...over }), [], 'ops');
    return found.criteria.find((one) => one.id === id);
  };
  const said = (what: string, atMs: number, connections = ['a']) => ({
    withoutFeed: [{ digest: 'sha256:7', atMs, value: { what, by: 'dana', connections } }],
  });

  test.each([
    ['outputs-match', 'outputs'],
    ['drain-rehearsed', 'stop-and-start'],
  ])('then %s rests on a named attestation, says so, and is red without one', (id, what) => {
    expect(of(id, {})).toMatchObject({
      verdict: 'red',
      reason: expect.stringContaining(`cutover attest --what ${what}`),
    });
    expect(of(id, said(what, NOW - 31 * DAY))?.verdict).toBe('red');
    expect(of(id, said(what, NOW - DAY, ['another']))?.verdict).toBe('red');
    expect(of(id, said('another', NOW - DAY))?.verdict).toBe('red');
    expect(of(id, said(what, NOW - DAY))).toMatchObject({
      verdict: 'green',
      reason: expect.stringContaining('not measured of a (origin: platform'),
      evidence: ['sha256:7'],
    });
  });

  test('then an attestation stands for no connection that has a feed', () => {
    const found = judgeGate(seen({ comparison: ABSENT, ...said('outputs', NOW) }), [], 'ops');
    expect(found.criteria.find(({ id }) => id === 'outputs-match')?.verdict).toBe('red');
  });
});
