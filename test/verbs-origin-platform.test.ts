/** A connection without a feed beside one that has one, with a real gateway and the real Pulumi engine: there, back, and by force. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import { type Estate, startEstate } from './verbs-estate.ts';

const LIMIT_MS = 180_000;
const FLOW = 'practice-001-orders';
const FED = 'practice-002-orders';

let estate: Estate;
beforeAll(async () => {
  const flow = { origin: 'platform', feed: undefined, settle: '200ms' };
  estate = await startEstate(2, { change: ({ name }) => (name === FLOW ? flow : {}) });
}, LIMIT_MS);
afterAll(() => estate?.stop());

const cutover = (...args: string[]) => estate.project.cutover(args);
async function move(...args: string[]) {
  const { exitCode, stdout } = await cutover(...args, '--yes', '--json', '--no-commit');
  return { exitCode, document: moveDocumentSchema.parse(JSON.parse(stdout)) };
}
const attest = (platform: string, connection = FLOW) =>
  cutover(
    'attest',
    '--what',
    'stopped',
    '--platform',
    platform,
    '--by',
    'Dana',
    '--reason',
    'off',
    '--connection',
    connection,
  );
const routeOf = async (name: string) => (await estate.routes()).get(name);

test(
  'without a word that legacy is stopped nothing moves; with it the switch goes through Pulumi, and says what to start',
  async () => {
    expect((await cutover('sync', '--all', '--yes', '--no-commit')).exitCode).toBe(0);
    const early = await move('switch', '--connection', FLOW);
    expect(early.exitCode).toBe(3);
    expect(early.document.refused).toMatchObject([{ name: FLOW, code: 'not-stopped' }]);
    expect(early.document.refused[0]?.next.join(' ')).toContain('--what stopped --platform legacy');

    expect(await attest('legacy', FED)).toMatchObject({ exitCode: 3 });
    expect(await attest('legacy')).toMatchObject({ exitCode: 0 });
    const { exitCode, document } = await move('switch', '--connection', FLOW);
    expect(exitCode).toBe(0);
    expect(document.changed).toMatchObject([{ name: FLOW, to: { phase: 'switched', epoch: 2 } }]);
    expect(document.nextSteps.join('\n')).toContain(`now start what polls in new, and see an output go out: ${FLOW}`);
    expect(await estate.project.readStack()).toContain('phase: switched');
    const epochs = await estate.admin.epochs(FLOW);
    expect(epochs.ok && epochs.value.at(-1)).toMatchObject({
      verb: 'switch',
      attested: { by: 'Dana' },
    });
  },
  LIMIT_MS,
);

test(
  'a parallel run of all leaves it out and says why; a drill and a hold have nothing to hold',
  async () => {
    const byName = await move('parallel', '--connection', FLOW);
    expect(byName.exitCode).toBe(3);
    expect(byName.document.refused).toMatchObject([{ name: FLOW, code: 'illegal-move' }]);
    const { exitCode, document } = await move('parallel', '--all');
    expect(exitCode).toBe(0);
    expect(document.changed.map(({ name }) => name)).toEqual([FED]);
    expect(document.warnings).toEqual([`left out, no parallel run (origin: platform): ${FLOW}`]);
    expect(await cutover('drill', '--connection', FLOW)).toMatchObject({ exitCode: 3 });
    const held = await cutover('hold', '--connection', FLOW, '--for', '1s', '--reason', 'x');
    expect(held.exitCode).toBe(3);
    expect(`${held.stdout}${held.stderr}`).toContain('there is nobody to hold');
  },
  LIMIT_MS,
);

test(
  'a rollback waits for the same word about new, or is forced; then every record is in legacy again',
  async () => {
    const refused = await move('rollback', '--connection', FLOW, '--reason', 'results late');
    expect(refused.exitCode).toBe(3);
    expect(refused.document.refused[0]?.next.join(' ')).toContain('--force');
    const { exitCode, document } = await move('rollback', '--connection', FLOW, '--reason', 'new is dead', '--force');
    expect(exitCode).toBe(0);
    expect(document.nextSteps.join('\n')).toContain('now start what polls in legacy');
    expect(await routeOf(FLOW)).toMatchObject({ phase: 'legacy', epoch: 3, control: 'legacy', feed: null });
    const status = statusDocumentSchema.parse(
      JSON.parse((await cutover('status', '--connection', FLOW, '--json')).stdout),
    );
    expect(status.connections[0]?.truth).toMatchObject({
      config: { phase: 'legacy', epoch: 3 },
      pulumi: { phase: 'legacy', epoch: 3 },
      agree: null,
    });
  },
  LIMIT_MS,
);
