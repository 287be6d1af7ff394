/**
 * Every way in which a mapping goes wrong, each in one message of ten thousand, through the worker and PostgreSQL: found, and
 * named by path and connection; the harmless differences of all the others raise no alarm.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { connectionNamed, GRACE_MS, openLab } from './lab.ts';
import type { Story } from './story.ts';

const MESSAGES = 10_000;
const LIMIT_MS = 300_000;

let folder: string;
let database: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-drifts-'));
  await mkdir(join(folder, 'stacks/rules'), { recursive: true });
  for (const name of ['stacks/rules/transport.yaml', 'rehearsal/rules/platforms.yaml']) {
    await cp(
      fileURLToPath(new URL(`../${name}`, import.meta.url)),
      join(folder, 'stacks/rules', name.split('/').at(-1) ?? ''),
    );
  }
  database = await startPostgres();
}, LIMIT_MS);
afterAll(async () => {
  await database?.remove();
  await rm(folder, { recursive: true, force: true });
});

/** What the new platform makes of a result besides its harmless ways, and what of it is found where. */
type Drift = {
  readonly found: string;
  readonly change?: (message: string) => string;
  readonly told?: (story: Story, input: number, output: string) => void;
};

const capture = (story: Story, input: number | null, output: string, connection = story.feed): void => {
  story.output(output, { platform: 'new', role: 'capture', input, connection, epoch: 2 });
};

const DRIFTS: Readonly<Record<string, Drift>> = {
  'dropped segment': { found: 'OBX segment-missing', change: (it) => it.replace(/OBX\|2[^\r]*\r/, '') },
  'changed unit': { found: 'OBX-6 value', change: (it) => it.replace('|mg/dL|', '|mmol/L|') },
  'truncated value': { found: 'OBX-5 truncated', change: (it) => it.replace('within 48 hours', 'within') },
  'swapped component': { found: 'PID-5 components-swapped', change: (it) => it.replace('^Test^A|', '^A^Test|') },
  'lost repetition': { found: 'PID-3 repetition-missing', change: (it) => it.replace(/~X-\d+\^\^\^PRACTICE\^PI/, '') },
  'wrong charset': {
    found: 'MSH-18 charset',
    change: (it) => Buffer.from(it, 'latin1').toString('utf8'),
  },
  'wrong destination': {
    found: 'destination destination',
    told: (story, _input, output) => capture(story, null, output, 'changed-unit-results'),
  },
  'reordered OBX': {
    found: 'OBX segment-moved',
    change: (it) => it.replace(/(OBX\|1[^\r]*\r)(OBX\|2[^\r]*\r)/, '$2$1'),
  },
  'changed answer': { found: 'answer answer' },
  delayed: {
    found: 'delay delay',
    told: (story, input, output) => {
      story.pass(90_000);
      capture(story, input, output);
    },
  },
  missing: { found: 'message missing-candidate', told: () => undefined },
  'doubled output': {
    found: 'message extra-candidate',
    told: (story, input, output) => {
      capture(story, input, output);
      capture(story, input, output.replace(/NEW-(\d)/, 'NEW-9$1'));
    },
  },
};

function result(n: number): string {
  return [
    `MSH|^~\\&|LEGACY-ENGINE|MAINLAB|EMR|NORTH|20260601120000||ORU^R01|R${n}|P|2.5.1|||||UNICODE UTF-8`,
    `PID|1||${n}^^^LAB^MR~X-${n}^^^PRACTICE^PI||M${Buffer.from('ü', 'utf8').toString('latin1')}ller^Test^A||19700101|F`,
    `ORC|RE|P-${n}|F-${n}`,
    `OBR|1|P-${n}|F-${n}|24323-8^Metabolic panel^LN|||20260601113000|||||||||||||||20260601115500|||F`,
    `OBX|1|NM|2345-7^Glucose^LN||${n % 300}.5|mg/dL|70-99|N|||F`,
    'OBX|2|TX|600-7^Culture^LN||No growth within 48 hours||||||F',
    '',
  ].join('\r');
}

/** Harmless: its own name, its own time, a number of its own, a segment of its own. */
function ofNew(message: string, n: number): string {
  return `${message
    .replace('LEGACY-ENGINE', 'NEW-ENGINE')
    .replace('20260601120000', '20260601120000.250+0000')
    .replace(`|R${n}|`, `|NEW-${n}|`)}ZRP|1|MAPPED\r`;
}

test(
  'given each kind of drift in one message of ten thousand, then it is found, named, and nothing else is',
  async () => {
    const kinds = Object.keys(DRIFTS);
    const nameOf = (kind: string): string => `${kind.replaceAll(' ', '-').toLowerCase()}-results`;
    const connections = kinds.map((kind, place) => connectionNamed(nameOf(kind), {}, place));
    const lab = await openLab({ url: database.url, deployment: 'drifts', connections, project: folder });
    const { story } = lab;
    for (const kind of kinds) story.route(nameOf(kind), 2, 'parallel');
    for (let n = 0; n < MESSAGES; n++) {
      const kind = kinds[n % kinds.length] ?? '';
      // In the middle of each connection's messages.
      const drift: Drift = Math.floor(n / kinds.length) === 400 ? (DRIFTS[kind] ?? { found: '' }) : { found: '' };
      story.feed = nameOf(kind);
      const [message, isOther] = [result(n), drift.found.startsWith('answer')];
      const input = story.input(message);
      story.answered(input);
      story.delivered(story.output(message, { input, epoch: 2 }));
      story.shadow(input, isOther ? 'negative' : 'positive');
      const output = (drift.change ?? ((it) => it))(ofNew(message, n));
      if (drift.told === undefined) capture(story, input, output);
      else drift.told(story, input, output);
    }
    await lab.take(GRACE_MS + 1);

    const groups = await lab.store.readDifferences();
    const found = groups
      .filter(({ rule }) => rule === null)
      .map((one) => `${one.connection}: ${one.path} ${one.kind} ${one.count}`);
    expect(found.toSorted()).toEqual(kinds.map((kind) => `${nameOf(kind)}: ${DRIFTS[kind]?.found} 1`).toSorted());
    const accepted = new Set(groups.flatMap(({ rule }) => (rule === null ? [] : [rule.replace(/@.*/, '')])));
    expect([...accepted].toSorted()).toEqual(['control-id', 'own-segment', 'sending-application', 'time-of-sending']);
    await lab.close();
  },
  LIMIT_MS,
);
