/**
 * Every criterion of the gate, green, red and unknown, each by what really makes it so: the new platform is stopped or
 * drifts, drills and attestations grow old, the window closes, a file is broken, the database is away. Then the night:
 * two people approve, a third switches, rolls back, and switches again once what the rollback has voided is green again.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { compareDocumentSchema } from '../core/compare-document.ts';
import {
  approvalPrintedSchema,
  errorDocumentSchema,
  moveDocumentSchema,
  statusDocumentSchema,
} from '../core/documents.ts';
import { CRITERIA } from '../core/gate/criteria.ts';
import { type GateDocument, gateDocumentSchema } from '../core/gate/gate-document.ts';
import { reconcileDocumentSchema } from '../core/reconcile/document.ts';
import {
  closedWindow,
  DAY_MS,
  type GateSite,
  HANDOVER,
  HOUR_MS,
  openWindow,
  startGateSite,
  writeArchive,
} from './gate-site.ts';
import { type Sender, startSender } from './verbs-parties.ts';

const LIMIT_MS = 900_000;
const WAIT = { timeout: 240_000, interval: 500 };

let site: GateSite;
let probe: string;
let live: string;
let senders: Sender[] = [];

beforeAll(async () => {
  site = await startGateSite();
  [probe, live] = site.names;
  await site.inventory({});
}, LIMIT_MS);
afterAll(async () => {
  await Promise.all(senders.map((one) => one.stop()));
  await site?.stop();
}, LIMIT_MS);

async function verb(
  args: readonly string[],
  laterMs = 0,
  env: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const { exitCode, stdout, stderr } = await site.cutover([...args, '--json'], laterMs, env);
  if (stdout.trim() === '') throw new Error(`cutover ${args.join(' ')}: exit ${exitCode}, ${stderr}`);
  const document: object = JSON.parse(stdout);
  return { exitCode, ...document };
}
async function done(...args: string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await site.cutover(args);
  if (exitCode !== 0) throw new Error(`cutover ${args.join(' ')}: exit ${exitCode}\n${stdout}${stderr}`);
}

async function gate(selection = '--all', laterMs = 0, env: Readonly<Record<string, string>> = {}) {
  const document = gateDocumentSchema.parse(await verb(['gate', ...selection.split(' ')], laterMs, env));
  expect(document.exitCode).toBe(document.verdict === 'green' ? 0 : 3);
  // Evidence of days to come would be the newest of all.
  if (laterMs > 0) await forget(document.digest ?? '');
  return document;
}

const forget = (digest: string): Promise<void> =>
  rm(join(site.estate.project.folder, 'stacks/test/evidence', `${digest.slice('sha256:'.length)}.json`));

const redIds = ({ criteria }: GateDocument): string[] =>
  criteria.filter(({ verdict }) => verdict === 'red').map(({ id }) => id);

function reasonsOf({ criteria }: GateDocument, id: string): string {
  const found = criteria.find((one) => one.id === id);
  return found?.verdict === 'red' ? found.red.map(({ reason }) => reason).join('; ') : `${id} is ${found?.verdict}`;
}

function traffic(): void {
  if (senders.length > 0) return;
  for (const name of site.names)
    senders.push(startSender(site.parties(name), site.feedPort(name), `${name}-${Math.random()}`, 10));
}
async function quiet(): Promise<void> {
  await Promise.all(senders.map((one) => one.stop()));
  senders = [];
}

/** What a drill, a comparison and a reconciliation say after new traffic. */
async function proveAgain(): Promise<void> {
  traffic();
  await done('drill', '--all', '--wait', '60s');
  await vi.waitFor(async () => {
    const { connections } = compareDocumentSchema.parse(await verb(['compare', '--all']));
    expect(connections.map(({ reasons }) => reasons)).toEqual([[], []]);
  }, WAIT);
  await quiet();
  await vi.waitFor(() => done('reconcile', '--since', '1h'), WAIT);
}

const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

async function approve(connections: string, attempts: number): Promise<string> {
  const made = ['approve', '--connection', connections, '--until', soon(4 * HOUR_MS), '--attempts', `${attempts}`];
  const first = approvalPrintedSchema.parse(await verb([...made, '--key', site.key('ann'), '--yes']));
  const second = await verb(['approve', '--document', first.digest, '--key', site.key('bob'), '--yes']);
  expect(approvalPrintedSchema.parse(second)).toMatchObject({ complete: true, digest: first.digest });
  return first.digest;
}

test(
  'before anything was measured, every criterion that needs a source is red: not configured, or unknown',
  async () => {
    const document = await gate();
    const red = ['outputs-match', 'drain-rehearsed', 'connectivity', 'rollback-drilled', 'on-call'];
    expect(redIds(document)).toEqual([...red, 'reconciliation-ready', 'window', 'raid', 'handover', 'people']);
    for (const id of [
      'drain-rehearsed',
      'rollback-drilled',
      'on-call',
      'reconciliation-ready',
      'raid',
      'handover',
      'people',
    ])
      expect(reasonsOf(document, id)).toMatch(/^not configured/);
    expect(reasonsOf(document, 'outputs-match')).toContain('no worker has ever run');
    expect(reasonsOf(document, 'window')).toMatch(/hours were seen less than 2 times/);
    const without = await gate('--all', 0, { DATABASE_URL: '' });
    for (const id of ['outputs-match', 'window'])
      expect(reasonsOf(without, id)).toMatch(/^not configured: .*DATABASE_URL/);
  },
  LIMIT_MS,
);

test(
  'each producer makes its own criterion green; what no drill can give without an approval is waived, shown, then drilled',
  async () => {
    await site.startWorker();
    await site.write('handover.yaml', HANDOVER);
    await writeArchive(site, join(site.folder, 'archive'), 2);
    await site.write('programme.yaml', `traffic: ${join(site.folder, 'archive')}\n`);
    const risk = ['--kind', 'dependency', '--title', 'firewall', '--severity', 'medium', '--owner', 'ann'];
    await done('raid', 'add', ...risk, '--review', '2099-01-01');
    await done('parallel', '--all', '--yes');
    await done('attest', '--what', 'alert-receipt', '--by', 'dana', '--reason', 'page 1', '--all');
    await proveAgain();
    expect(redIds(await gate())).toEqual(['rollback-drilled']);
    const waiver = ['--criterion', 'rollback-drilled', '--connection', probe, '--until', soon(HOUR_MS)];
    await done('waive', ...waiver, '--reason', 'it is drilled next', '--key', site.key('ann'), '--yes');
    const { waivers } = statusDocumentSchema.parse(await verb(['status', '--all']));
    expect(waivers).toMatchObject([{ criterion: 'rollback-drilled', connections: [probe], by: 'ann@lab' }]);
    expect(redIds(await gate(`--connection ${probe}`))).toEqual([]);
    await approve(probe, 1);
    traffic();
    await done('drill', '--connection', probe, '--really', '--yes', '--wait', '60s');
    // The epochs of the test connection have moved on: what was measured before them counts no more.
    expect(reasonsOf(await gate(), 'drain-rehearsed')).toContain('it was rehearsed at epoch 2, and is at 4');
    await proveAgain();
    const green = await gate();
    expect([green.verdict, redIds(green)]).toEqual(['green', []]);
    expect(green.criteria.every(({ verdict }) => verdict === 'green')).toBe(true);
  },
  LIMIT_MS,
);

type Cause = {
  readonly what: string;
  readonly red: Readonly<Record<string, RegExp>>;
  readonly make: () => Promise<unknown>;
  readonly undo: () => Promise<unknown>;
  readonly laterMs?: number;
  readonly env?: Readonly<Record<string, string>>;
};
const nothing = async (): Promise<void> => undefined;
const broken = (file: string, text: string, red: Cause['red']): Cause => ({
  what: `${file} is broken`,
  red,
  make: () => site.write(file, 'a: [b'),
  undo: () => site.write(file, text),
});

function causes(raid: string): Cause[] {
  const programme = `traffic: ${join(site.folder, 'archive')}\n`;
  const today = new Date().toISOString().slice(0, 10);
  const evidence = join(site.estate.project.folder, 'stacks/test/evidence');
  const one = { file: '', text: '' };
  const set: { file: string; text: string }[] = [];
  return [
    {
      what: 'eight days pass',
      laterMs: 8 * DAY_MS,
      red: {
        'drain-rehearsed': /rehearsed 8 days ago/,
        'on-call': /acknowledged 8 days ago/,
        'reconciliation-ready': /reconciled 8 days ago/,
        connectivity: /answered last 8 days ago/,
      },
      make: nothing,
      undo: nothing,
    },
    {
      what: 'a month passes',
      laterMs: 31 * DAY_MS,
      red: { 'rollback-drilled': /a rollback was drilled 31 days ago/ },
      make: nothing,
      undo: nothing,
    },
    {
      what: 'the database is away',
      env: { DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/none' },
      red: { 'outputs-match': /^unknown: the proof store cannot be read/ },
      make: nothing,
      undo: nothing,
    },
    {
      what: 'a high risk is added',
      red: { raid: /I-1 is open and high: vendor on leave \(ann\)/ },
      make: () =>
        done(
          ...['raid', 'add', '--kind', 'issue', '--title', 'vendor on leave'],
          ...['--severity', 'high', '--owner', 'ann', '--review', '2099-01-01'],
        ),
      undo: () => done('raid', 'close', '--id', 'I-1', '--reason', 'a deputy is named'),
    },
    broken('raid.yaml', raid, { raid: /^unknown: / }),
    broken('handover.yaml', HANDOVER, { handover: /^unknown: /, people: /^unknown: /, 'on-call': /^unknown: / }),
    broken('programme.yaml', programme, { window: /^unknown: / }),
    {
      what: 'the LIS takes its word back, knowledge is not transferred, and a notice was not sent',
      red: {
        handover: /lis has not agreed: watch the log; not transferred to on-call: runbooks/,
        people: /northside is not sent/,
      },
      make: () =>
        site.write(
          'handover.yaml',
          HANDOVER.replace('contact: bo, agreed: 2026-03-01', 'contact: bo')
            .replace(', done: 2026-03-02', '')
            .replace(', sent: 2026-03-03', ''),
        ),
      undo: () => site.write('handover.yaml', HANDOVER),
    },
    {
      what: 'on-call changes hands without an alert',
      red: { 'on-call': /acknowledged by dana, who is not on call of integration-team/ },
      make: () => site.write('handover.yaml', HANDOVER.replace('name: Dana', 'name: Drew')),
      undo: () => site.write('handover.yaml', HANDOVER),
    },
    {
      what: 'the window is another day',
      red: { window: /closed, and the next one is more than a day away/ },
      make: () => site.inventory({ window: closedWindow() }),
      undo: () => site.inventory({}),
    },
    {
      what: 'the window is nearly over',
      red: { window: /it needs \d+ min/ },
      make: () => site.inventory({ window: { ...openWindow(), to: soon(10 * 60_000).slice(11, 16) } }),
      undo: () => site.inventory({}),
    },
    {
      what: 'nights are as busy as days',
      red: { window: /not low in traffic/ },
      make: async () => {
        await writeArchive(site, join(site.folder, 'busy'), 40);
        await site.write('programme.yaml', `traffic: ${join(site.folder, 'busy')}\n`);
      },
      undo: () => site.write('programme.yaml', programme),
    },
    {
      what: 'old messages are gone',
      red: { window: /^unknown: .*cannot be read/ },
      make: () => site.write('programme.yaml', 'traffic: nowhere\n'),
      undo: () => site.write('programme.yaml', programme),
    },
    {
      what: 'the lab freezes changes',
      red: { window: /within the freeze/ },
      make: () =>
        site.write(
          'programme.yaml',
          `${programme}freezes: [{ from: ${soon(-2 * DAY_MS).slice(0, 10)}, to: ${today}, reason: audit }]\n`,
        ),
      undo: () => site.write('programme.yaml', programme),
    },
    {
      what: 'a channel turns out to send mail',
      red: { 'side-effects': /not classified: email/ },
      make: () => site.inventory({ effects: [{ kind: 'email' }] }),
      undo: () => site.inventory({}),
    },
    {
      what: 'nobody has said what else the channels do',
      red: { 'side-effects': /not configured: nobody has said/ },
      make: () => site.inventory({ effects: null }),
      undo: () => site.inventory({}),
    },
    {
      what: 'evidence was edited',
      red: Object.fromEntries(
        ['drain-rehearsed', 'rollback-drilled', 'on-call', 'reconciliation-ready'].map((id) => [
          id,
          /^unknown: .*it was changed/,
        ]),
      ),
      make: async () => {
        one.file = join(evidence, (await readdir(evidence)).find((name) => name.endsWith('.json')) ?? '');
        one.text = await readFile(one.file, 'utf8');
        await writeFile(one.file, one.text.replace('2', '3'));
      },
      undo: () => writeFile(one.file, one.text),
    },
    {
      what: 'somebody reconciled on a machine whose clock is a day ahead',
      red: Object.fromEntries(
        ['drain-rehearsed', 'rollback-drilled', 'on-call', 'reconciliation-ready'].map((id) => [
          id,
          /^unknown: reconciliation .* which is still to come/,
        ]),
      ),
      make: async () => {
        const { evidence: digest } = reconcileDocumentSchema.parse(await verb(['reconcile', '--since', '1h'], DAY_MS));
        one.text = digest ?? '';
      },
      undo: () => forget(one.text),
    },
    {
      what: 'a reconciliation of a window long past is asked for',
      red: { 'reconciliation-ready': /reconciled 4 days ago/ },
      make: async () => {
        for (const name of await readdir(evidence)) {
          const text = await readFile(join(evidence, name), 'utf8');
          if (text.includes('"kind":"reconciliation"')) set.push({ file: join(evidence, name), text });
        }
        for (const { file } of set) await rm(file);
        await verb(['reconcile', '--since', soon(-5 * DAY_MS), '--until', soon(-4 * DAY_MS)]);
      },
      undo: () => Promise.all(set.map(({ file, text }) => writeFile(file, text))),
    },
    {
      what: 'a platform has messages in its queue',
      red: { 'reconciliation-ready': /red/ },
      make: async () => {
        const engine = {
          platform: 'legacy',
          queued: 3,
          errors: 0,
          by: 'lee',
          at: new Date().toISOString(),
          source: 'console',
        };
        await site.write('engines.yaml', JSON.stringify({ engines: [engine] }));
        const file = join(site.estate.project.folder, 'stacks/test/engines.yaml');
        expect(await verb(['reconcile', '--since', '1h', '--attest', file])).toMatchObject({ exitCode: 3 });
      },
      undo: () => vi.waitFor(() => done('reconcile', '--since', '1h'), WAIT),
    },
    {
      what: 'the new platform is stopped while messages come',
      red: { 'drain-rehearsed': /its last drain failed/, 'rollback-ready': /its shadow is \d{4,} messages behind/ },
      make: async () => {
        await site.parties(live).down('new');
        traffic();
        expect(await verb(['drill', '--connection', live, '--wait', '60s'])).toMatchObject({ exitCode: 3 });
        await vi.waitFor(
          async () => expect((await site.estate.routes()).get(live)?.shadowLag).toBeGreaterThan(1000),
          WAIT,
        );
        await quiet();
      },
      undo: async () => {
        await site.parties(live).up('new');
        await vi.waitFor(async () => expect((await site.estate.routes()).get(live)?.shadowLag).toBe(0), WAIT);
        await proveAgain();
      },
    },
    {
      what: 'the gateway is gone',
      red: { connectivity: /^unknown: /, 'rollback-ready': /^unknown: /, 'outputs-match': /could not be asked/ },
      make: () => site.estate.killGateway(),
      undo: async () => {
        await site.estate.restartGateway();
        await proveAgain();
      },
    },
  ];
}

test(
  'what really happens turns its own criterion red or unknown, each is named with what to do, and nothing is changed',
  async () => {
    const raid = await readFile(join(site.estate.project.folder, 'stacks/test/raid.yaml'), 'utf8');
    const before = await routes();
    const seen = { red: new Set<string>(), unknown: new Set<string>() };
    for (const { what, make, undo, red, laterMs = 0, env = {} } of causes(raid)) {
      await make();
      const document = await gate('--all', laterMs, env);
      const found = Object.keys(red).map((id) => [what, id, reasonsOf(document, id)]);
      expect(found).toEqual(Object.entries(red).map(([id, reason]) => [what, id, expect.stringMatching(reason)]));
      // Days that pass and a gateway that is gone are seen by others too; the rest stays green.
      if (laterMs === 0 && !what.startsWith('the gateway') && !what.startsWith('the new platform'))
        expect([what, redIds(document).sort()]).toEqual([what, Object.keys(red).sort()]);
      for (const [, id = '', reason = ''] of found) {
        if (!reason.startsWith('unknown: ')) seen.red.add(id);
        if (/^unknown: |^not configured: nobody has said/.test(reason)) seen.unknown.add(id);
      }
      await undo();
    }
    const ids = CRITERIA.map(({ id }) => id);
    expect(ids.filter((id) => !seen.unknown.has(id))).toEqual([]);
    expect(ids.filter((id) => !seen.red.has(id))).toEqual([]);
    expect(await routes()).toEqual(before);
    const { stdout } = await site.cutover(['gate', '--all', '--explain'], 8 * DAY_MS);
    await forget(/evidence: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1] ?? '');
    expect(stdout).toMatch(/✗ drain-rehearsed .*\n(.*\n)*? {4}→ cutover drill/);
    expect(redIds(await gate())).toEqual([]);
  },
  2 * LIMIT_MS,
);

test(
  'no approval rests on a red gate, a gate of other epochs, or evidence of another kind, whichever is named',
  async () => {
    const made = ['approve', '--connection', live, '--until', soon(HOUR_MS), '--key', site.key('ann'), '--yes'];
    const refused = async (...more: string[]): Promise<string> => {
      const { error } = errorDocumentSchema.parse(await verb([...made, ...more]));
      return `${error.code}: ${error.message}`;
    };
    const green = await gate();
    await site.inventory({ window: closedWindow() });
    const red = await gate();
    expect(await refused('--evidence', red.digest ?? '')).toMatch(/^gate-red: the gate of .* is not green: window/);
    expect(await refused('--evidence', green.digest ?? '')).toMatch(/^gate-red: the newer gate of .*: window/);
    expect(await refused()).toMatch(/^gate-red/);
    await site.inventory({});
    const ahead = gateDocumentSchema.parse(await verb(['gate', '--all'], HOUR_MS));
    expect(await refused('--evidence', ahead.digest ?? '')).toMatch(/^gate-ahead/);
    await forget(ahead.digest ?? '');
    const folder = join(site.estate.project.folder, 'stacks/test/evidence');
    const over = ['approve', '--connection', live, '--until', soon(30 * HOUR_MS), '--key', site.key('ann'), '--yes'];
    const tomorrow = await verb([...over, '--evidence', green.digest ?? ''], 25 * HOUR_MS);
    expect(errorDocumentSchema.parse(tomorrow)).toMatchObject({ exitCode: 3, error: { code: 'gate-expired' } });
    for (const name of await readdir(folder)) {
      if (!(await readFile(join(folder, name), 'utf8')).includes('"kind":"drain-rehearsal"')) continue;
      expect(await refused('--evidence', `sha256:${name.slice(0, 64)}`)).toMatch(/^evidence-(wrong-kind|too-narrow)/);
    }
    await forget(red.digest ?? '');
  },
  LIMIT_MS,
);

test(
  'a switch asks again: what a rollback has voided is named and refused, and once it is green the same approval serves',
  async () => {
    const before = await gate();
    expect(redIds(before)).toEqual([]);
    const approval = await approve(live, 2);
    const doSwitch = async () => moveDocumentSchema.parse(await verb(['switch', '--connection', live, '--yes']));
    expect(await doSwitch()).toMatchObject({ exitCode: 0, changed: [{ name: live, epoch: 3 }] });
    await done('rollback', '--connection', live, '--reason', 'results late', '--yes');
    const refused = await doSwitch();
    expect(refused).toMatchObject({ exitCode: 3, changed: [], refused: [{ name: live, code: 'gate-red' }] });
    expect(refused.refused[0]?.message).toMatch(/drain-rehearsed: it was rehearsed at epoch 2, and is at 4/);
    expect(refused.nextSteps.join()).toContain('cutover drill');
    expect((await site.estate.routes()).get(live)).toMatchObject({ phase: 'parallel', epoch: 4 });
    const until = ['--until', soon(HOUR_MS), '--key', site.key('ann'), '--yes'];
    const stale = await verb(['approve', '--connection', live, '--evidence', before.digest ?? '', ...until]);
    expect(errorDocumentSchema.parse(stale).error).toMatchObject({
      code: 'gate-stale',
      message: expect.stringMatching(/saw .* at epoch 2; this is for epoch 4/),
    });
    await proveAgain();
    expect(await doSwitch()).toMatchObject({ exitCode: 0, changed: [{ name: live, epoch: 5 }] });
    expect(await site.estate.project.readStack()).toContain(approval);
    const morning = async () => statusDocumentSchema.parse(await verb(['status', '--all', '--morning']));
    const practice = site.estate.inventory.connections.find(({ name }) => name === live)?.practice;
    expect(await morning()).toMatchObject({
      onWatch: [{ practice, unproven: [live], directions: ['orders'] }],
      stops: [],
    });
    traffic();
    await vi.waitFor(async () => expect((await morning()).onWatch).toEqual([]), WAIT);
    await quiet();
    const { morning: sums } = await morning();
    expect(sums?.connections).toMatchObject([{ name: live, proven: true, rejected: 0, decisions: 0 }]);
    expect(sums?.connections[0]?.delivered).toBeGreaterThan(0);
    expect(sums?.roster).toMatchObject([{ wave: 'pilot', name: 'bob' }]);
    expect((await site.cutover(['status', '--all', '--morning'])).stdout).toMatch(/since the switch:[\s\S]*call: bob/);
  },
  LIMIT_MS,
);

test(
  'a new platform that drifts is red in what is compared',
  async () => {
    site.mapping.current = (message) => message.replace('CBC^Blood count', 'CBC^Blood');
    traffic();
    await vi.waitFor(async () => expect(reasonsOf(await gate(), 'outputs-match')).toMatch(/differ/), WAIT);
    await quiet();
  },
  LIMIT_MS,
);

async function routes() {
  const statuses = await site.estate.routes();
  return new Map([...statuses].map(([name, { phase, epoch }]) => [name, { phase, epoch }]));
}
