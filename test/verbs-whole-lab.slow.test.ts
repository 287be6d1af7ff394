/**
 * A whole lab, 250 connections on two gateways: one refused and one aborting leave 248 switched; Ctrl-C in the middle is finished
 * by the same command; and the way back takes all of them.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import { type Estate, startEstate } from './verbs-estate.ts';

const LIMIT_MS = 900_000;
const CONNECTIONS = 250;
const REFUSED = 'practice-007-orders';
const ABORTING = 'practice-042-orders';
const DEAD = { host: '127.0.0.1', port: 9 };

let estate: Estate;

beforeAll(async () => {
  estate = await startEstate(CONNECTIONS, {
    shards: 2,
    change: ({ name, feed }) => {
      if (name === REFUSED) return { effects: [{ kind: 'print' }] };
      if (name !== ABORTING) return {};
      return { feed: { ...Object(feed), platforms: { ...Object(feed).platforms, new: DEAD } } };
    },
  });
  expect((await move('sync', '--all')).exitCode).toBe(0);
  expect((await move('parallel', '--all')).exitCode).toBe(4);
}, LIMIT_MS);

afterAll(() => estate?.stop(), LIMIT_MS);

test(
  'switch --all: 248 switched, exit 4, the two named with their reasons, the stack file true',
  async () => {
    const { exitCode, document } = await move('switch', '--all');
    expect({ exitCode, changed: document.changed.length, failed: document.failed }).toEqual({
      exitCode: 4,
      changed: CONNECTIONS - 2,
      failed: [],
    });
    expect(document.refused).toMatchObject([{ name: REFUSED, code: 'illegal-move' }]);
    expect(document.aborted).toMatchObject([{ name: ABORTING, message: expect.stringMatching(/does not accept/) }]);
    await expectRecords();
  },
  LIMIT_MS,
);

test(
  'rollback --all: all of them back, the two there already',
  async () => {
    const { exitCode, document } = await move('rollback', '--all', '--reason', 'results late');
    expect({ exitCode, changed: document.changed.length }).toEqual({ exitCode: 0, changed: CONNECTIONS - 2 });
    expect(document.alreadyThere.map(({ name }) => name)).toEqual([REFUSED, ABORTING]);
    await expectRecords();
  },
  LIMIT_MS,
);

test(
  'Ctrl-C while pulumi up runs: it says what was done, and the same command finishes',
  async () => {
    const started = estate.project.start(['switch', '--all', '--yes', '--json']);
    await started.until(/\d+ of 249 through/);
    started.kill('SIGINT');
    const { exitCode, stdout } = await started.ended;
    const { changed, aborted, failed } = moveDocumentSchema.parse(JSON.parse(stdout));
    expect([4, 130]).toContain(exitCode);
    expect(changed.length + aborted.length + failed.length).toBe(CONNECTIONS - 1);
    await expectRecords(new Set(changed.map(({ name }) => name)));
    const again = await move('switch', '--all');
    expect(again.document.changed.length + again.document.alreadyThere.length).toBe(CONNECTIONS - 2);
    await expectRecords();
  },
  LIMIT_MS,
);

async function move(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await estate.project.cutover([...args, '--yes', '--json']);
  const document = moveDocumentSchema.safeParse(JSON.parse(stdout));
  if (!document.success) throw new Error(`${args.join(' ')} ended with ${exitCode}: ${stdout}${stderr}`);
  return { exitCode, document: document.data };
}

/** Stack file and Pulumi state say what the gateways say; of all, or of those that a cut-short run has moved. */
async function expectRecords(names: ReadonlySet<string> | null = null): Promise<void> {
  const { stdout } = await estate.project.cutover(['status', '--json']);
  const { connections } = statusDocumentSchema.parse(JSON.parse(stdout));
  expect(connections).toHaveLength(CONNECTIONS);
  const apart = connections
    .filter(({ name }) => names === null || names.has(name))
    .filter(({ truth }) => truth.agree === false)
    .map(({ name, truth }) => ({ name, truth }));
  expect(apart).toEqual([]);
}
