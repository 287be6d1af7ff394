/**
 * The story of a platform that was not written here, in the place of the new one: orders go through both, what it changes is
 * accepted by a rule or named, it takes over, and every message is accounted for.
 */
import { expect, vi } from 'vitest';
import { compareDocumentSchema } from '../core/compare-document.ts';
import { reconcileDocumentSchema } from '../core/reconcile/document.ts';
import { CONNECTION, type ForeignPlatform, order, type ProofSite, startProofSite } from './proof-site.ts';

const WAIT = { timeout: 120_000, interval: 250 };
const HARMLESS = 40;

/** What the platform is made to do: its own name in MSH-3, and another order code in the message `DRIFT`. */
export const OWN_NAME = 'FOREIGN';
export const DRIFTS = { id: 'DRIFT', code: 'CBX' };

const RULES = {
  rules: [
    {
      name: 'sending-application',
      path: 'MSH-3',
      kind: 'table',
      table: { EMR: OWN_NAME },
      reason: 'the new platform signs with its own name',
      owner: 'integration',
      expires: '2099-12-31',
    },
  ],
};

export async function tellForeignStory(newPlatform: ForeignPlatform): Promise<void> {
  const site = await startProofSite({ newPlatform, rules: RULES, correlate: ['MSH-10'] });
  try {
    await site.startWorker();
    await site.route('parallel');
    await sendAll(site, 'P', HARMLESS);
    await vi.waitFor(async () => {
      const { connections, rules } = await compare(site);
      expect(connections[0]).toMatchObject({ verdict: 'green', pairs: HARMLESS, matched: HARMLESS });
      expect(rules.find(({ name }) => name === 'sending-application')?.hides).toBe(HARMLESS);
    }, WAIT);

    expect(await site.send([order(DRIFTS.id)])).toEqual(['AA']);
    await vi.waitFor(async () => {
      const { verdict, shapes } = await compare(site);
      expect(verdict).toBe('red');
      const open = shapes.filter(({ rule }) => rule === undefined);
      expect(open.map(({ path, count, on, exampleIds }) => [path, count, on, exampleIds[0]?.msh10])).toEqual([
        ['OBR-4.1', 1, [CONNECTION], DRIFTS.id],
      ]);
    }, WAIT);

    const before = site.received.length;
    await site.route('switched');
    await sendAll(site, 'S', HARMLESS);
    await vi.waitFor(() => expect(site.received.length).toBe(before + HARMLESS), WAIT);
    await site.route('parallel', 'the way back is tried');
    await sendAll(site, 'R', HARMLESS);
    const sent = 3 * HARMLESS + 1;
    await vi.waitFor(async () => {
      const run = await site.project.cutover(['reconcile', '--json']);
      const { verdict, connections } = reconcileDocumentSchema.parse(JSON.parse(run.stdout));
      expect(connections[0]).toMatchObject({
        owed: sent,
        delivered: sent,
        balanced: true,
        missing: [],
        duplicated: [],
      });
      expect(verdict).toBe('green');
    }, WAIT);
    expect(new Set(site.received.map(({ id }) => id)).size).toBe(sent);
    expect(site.received.length).toBe(sent);
  } finally {
    await site.stop();
  }
}

async function sendAll(site: ProofSite, prefix: string, count: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, n) => order(`${prefix}${n}`));
  expect(new Set(await site.send(messages))).toEqual(new Set(['AA']));
}

async function compare(site: ProofSite) {
  const run = await site.project.cutover(['compare', '--json', '--min-pairs', String(HARMLESS)]);
  return compareDocumentSchema.parse(JSON.parse(run.stdout));
}
