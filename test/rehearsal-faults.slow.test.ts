/**
 * Every fault of the rehearsal at a small size, as a person asks for it: real gateways, engine and PostgreSQL. Several of them share
 * a night, as they do in life. Each night ends green, says of each fault what was done and how it was seen, and what the
 * parties counted has no loss, no hidden double, nothing out of order.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killTree } from '../adapters/process-tree.ts';
import { rehearsalSchema } from '../core/rehearsal-document.ts';
import { startRehearsal } from './rehearse.ts';

const LIMIT_MS = 1_800_000;
const PLAIN = ['--connections', '2', '--rate', '16', '--no-proof'];
/** What these do shows in a comparison. */
const PROVEN = ['--connections', '2', '--rate', '16', '--proof'];
const TWO_GATEWAYS = ['--connections', '4', '--rate', '24', '--gateways', '2', '--no-proof'];

type Signs = { readonly injected: RegExp; readonly seen: readonly RegExp[] };

const SIGNS: Readonly<Record<string, Signs>> = {
  drift: { injected: /meaning changed/, seen: [/^compare: red/, /pairs that differ, at \S+/] },
  drop: { injected: /swallowed/, seen: [/^compare: red/, /misses of the new platform/] },
  duplicate: { injected: /twice/, seen: [/^compare: red/, /only the new platform sent/] },
  slow: { injected: /delayed/, seen: [/behind at most/, /caught up \S+ s after it was over/] },
  nak: { injected: /refused/, seen: [/rejected copies/] },
  'candidate-down': { injected: /no listener/, seen: [/behind at most/, /caught up \S+ s after it was back/] },
  'control-dies': { injected: /kill -9 of the new platform/, seen: [/legacy owned again/] },
  'database-down': { injected: /PostgreSQL is stopped/, seen: [/rolled back without it/, /^sync/] },
  'backend-down': { injected: /backend is out/, seen: [/rolled back without it/, /was refused/] },
  'worst-night': {
    injected: /kept in its queue/,
    seen: [
      /^connections on legacy \d+\.\d s after/,
      /ledger is left behind/,
      /none of them delivered twice/,
      /^sync brought/,
    ],
  },
  'legacy-behind': {
    injected: /messages that legacy was behind/,
    seen: [/^connections on legacy \d+\.\d s after/, /none of them delivered twice/],
  },
  'gateway-dies': {
    injected: /kill -9 of one of 2 gateways/,
    seen: [/of the others that a rollback took back meanwhile \(exit 4\)/, /maybe sent/],
  },
  'gateway-frozen': {
    injected: /SIGSTOP of one of 2/,
    seen: [
      /was refused: .*served by process/,
      /senders of the other gateways, in ms/,
      /successor serves/,
      /maybe sent/,
    ],
  },
  'disk-full': { injected: /took no byte/, seen: [/refused \(AR/, /went on by themselves/] },
};

const NIGHTS: readonly { readonly faults: readonly string[]; readonly args: readonly string[] }[] = [
  { faults: ['drift', 'drop', 'duplicate', 'database-down'], args: PROVEN },
  { faults: ['slow', 'nak', 'candidate-down', 'control-dies'], args: PLAIN },
  { faults: ['gateway-frozen', 'disk-full', 'backend-down'], args: TWO_GATEWAYS },
  { faults: ['gateway-dies'], args: TWO_GATEWAYS },
  { faults: ['worst-night'], args: PLAIN },
  { faults: ['legacy-behind'], args: PLAIN },
];

let folder: string;
let running: number | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rehearsal-faults-'));
});

afterAll(async () => {
  killTree(running);
  await rm(folder, { recursive: true, force: true });
});

test('every fault has its night', async () => {
  const { stdout } = await startRehearsal(folder, ['--help']).ended;
  const [, list = ''] = stdout.split('Faults:\n');
  const names = [...(list.split('\n\n')[0] ?? '').matchAll(/^ {2}(\S+)/gm)].map(([, name = '']) => name);
  expect(names.sort()).toEqual(NIGHTS.flatMap(({ faults }) => faults).sort());
  expect(names).toEqual(Object.keys(SIGNS).sort());
});

test.each(NIGHTS)(
  '--fault $faults: green, and it says of each what was done and how it was seen',
  async ({ faults, args }) => {
    const started = startRehearsal(folder, [...args, '--fault', faults.join(','), '--json']);
    running = started.pid;
    const { exitCode, stdout, stderr } = await started.ended;
    const { verdict, reasons, messages, trouble } = rehearsalSchema.parse(JSON.parse(stdout));
    expect({ exitCode, verdict, reasons }, stderr).toEqual({ exitCode: 0, verdict: 'green', reasons: [] });
    expect(messages).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, altered: 0, unexpected: 0, misanswered: 0 });
    const done = trouble?.injected.map(({ what }) => what) ?? [];
    const said = trouble?.seen.map(({ what }) => what) ?? [];
    for (const { injected, seen } of faults.map((fault) => SIGNS[fault] ?? { injected: /^$/, seen: [] })) {
      expect(done).toContainEqual(expect.stringMatching(injected));
      for (const line of seen) expect(said).toContainEqual(expect.stringMatching(line));
    }
  },
  LIMIT_MS,
);
