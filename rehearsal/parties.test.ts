/** The parties against each other without a gateway: source → platform → destination. The count must be able to fail. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { countConnection, type EndCount, isClean, sumCounts } from './count.ts';
import { partyConfigurations, planEstate, portsNeeded } from './estate.ts';
import type { PartyFault, Role } from './parties/protocol.ts';
import { PartyProcess } from './party-process.ts';
import { freePorts } from './ports.ts';

const CONNECTIONS = 4;
const parties: PartyProcess[] = [];
let tables: string | null = null;

afterEach(async () => {
  await Promise.all(parties.splice(0).map((party) => party.end('SIGKILL')));
  if (tables !== null) await rm(tables, { recursive: true });
  tables = null;
});

/** Legs wired straight to the destinations, feeds straight to the legacy platform: what is left out is the gateway. */
async function passThrough(): Promise<Record<'emr' | 'lis' | 'legacy', PartyProcess>> {
  const estate = planEstate(
    { connections: CONNECTIONS, gateways: 1, onSharedFeed: 2, keepsControlIds: false },
    'parties-test',
    await freePorts(portsNeeded({ connections: CONNECTIONS, gateways: 1 })),
  );
  const connections = estate.connections.map((each, index) => ({
    ...each,
    // The first feed is in enhanced mode.
    defersAcknowledgement: index === 0,
    feedPort: each.platformPorts.legacy,
    legPorts: { ...each.legPorts, legacy: each.destinationPort },
  }));
  const configurations = partyConfigurations(
    { ...estate, connections },
    { seed: 'parties-test', messagesFolder: null, tablesFolder: '/nowhere' },
  );
  const begin = async (role: Role): Promise<PartyProcess> => {
    const party = new PartyProcess(role);
    parties.push(party);
    await party.ask({ type: 'configure', configuration: configurations[role] }, 'ready');
    return party;
  };
  const [emr, lis, legacy] = await Promise.all([begin('emr'), begin('lis'), begin('legacy')]);
  return { emr, lis, legacy };
}

async function run(messages: number, fault: PartyFault | null, at: 'legacy' | 'lis' = 'legacy'): Promise<EndCount> {
  const wired = await passThrough();
  const sources = [wired.emr, wired.lis];
  if (fault !== null) await wired[at].tell({ type: 'fault', fault, on: true });
  for (const source of sources) await source.tell({ type: 'begin-window' });
  for (const source of sources) await source.tell({ type: 'start', ratePerSecond: 200 });
  for (const source of sources) {
    await expect
      .poll(async () => (await source.ask({ type: 'progress' }, 'progress')).fewestAccepted, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(messages);
  }
  for (const source of sources) await source.tell({ type: 'drain', withinMs: 10_000 });
  const pending = async (): Promise<number> => (await wired.legacy.ask({ type: 'progress' }, 'progress')).pending;
  await expect.poll(pending, { timeout: 20_000 }).toBe(0);

  const [emr, lis] = await Promise.all(sources.map((source) => source.ask({ type: 'report' }, 'report')));
  if (emr === undefined || lis === undefined) throw new Error('both ends report');
  expect(emr.misanswered + lis.misanswered).toBe(0);
  expect(emr.deferred).toBeGreaterThanOrEqual(messages);
  if (fault !== 'nak') expect(emr.deferredMissing + lis.deferredMissing).toBe(0);
  const sent = { ...emr.sent, ...lis.sent };
  const received = { ...emr.received, ...lis.received };
  expect(Object.keys(sent)).toHaveLength(CONNECTIONS);
  return sumCounts(Object.entries(sent).map(([name, log]) => countConnection(log, received[name] ?? [], new Set())));
}

/** A connection without a feed, its legs wired straight to the destination; legacy polls. */
async function polled(): Promise<{ lis: PartyProcess; emr: PartyProcess; poll: Poll; name: string }> {
  const size = { connections: 2, gateways: 1, onSharedFeed: 0, withoutFeed: 1, keepsControlIds: false };
  const estate = planEstate(size, 'polled', await freePorts(portsNeeded(size)));
  const connections = estate.connections
    .filter(({ hasFeed }) => !hasFeed)
    .map((each) => ({ ...each, legPorts: { legacy: each.destinationPort, new: each.destinationPort } }));
  tables = await mkdtemp(join(tmpdir(), 'cutover-tables-'));
  const configurations = partyConfigurations(
    { ...estate, connections },
    { seed: 'polled', messagesFolder: null, tablesFolder: tables },
  );
  const begun = new Map<Role, PartyProcess>();
  for (const role of ['lis', 'emr', 'legacy', 'new'] as const) {
    const party = new PartyProcess(role);
    parties.push(party);
    begun.set(role, party);
    await party.ask({ type: 'configure', configuration: configurations[role] }, 'ready');
  }
  const of = (role: Role): PartyProcess => begun.get(role) ?? new PartyProcess(role);
  const names = connections.map(({ name }) => name);
  const poll: Poll = (role, on) => of(role).tell({ type: 'poll', connections: names, on });
  return { lis: of('lis'), emr: of('emr'), poll, name: names[0] ?? '' };
}
type Poll = (role: 'legacy' | 'new', on: boolean) => Promise<void>;

describe('a table that platforms poll', () => {
  test('changing the platform after stopping the other one: every row arrives once, in order', async () => {
    const { lis, emr, poll, name } = await polled();
    const taken = (count: number) =>
      expect
        .poll(async () => (await lis.ask({ type: 'progress' }, 'progress')).fewestAccepted, { timeout: 20_000 })
        .toBeGreaterThanOrEqual(count);
    await lis.tell({ type: 'start', ratePerSecond: 100 });
    await poll('legacy', true);
    await taken(10);
    await poll('legacy', false);
    const { accepted } = await lis.ask({ type: 'progress' }, 'progress');
    await poll('new', true);
    await taken(accepted + 10);
    await lis.tell({ type: 'drain', withinMs: 10_000 });
    const sent = (await lis.ask({ type: 'report' }, 'report')).sent[name] ?? [];
    await taken(sent.length);
    const received = (await emr.ask({ type: 'report' }, 'report')).received[name] ?? [];
    const count = countConnection(sent, received, new Set());
    expect(isClean(count)).toBe(true);
    expect(count).toMatchObject({ delivered: sent.length, fromLegacy: accepted, fromNew: sent.length - accepted });
  });

  test('two that poll at once are seen as doubles', async () => {
    const { lis, emr, poll, name } = await polled();
    await Promise.all([poll('legacy', true), poll('new', true)]);
    await lis.tell({ type: 'start', ratePerSecond: 100 });
    const doubles = async (): Promise<number> => {
      const sent = (await lis.ask({ type: 'report' }, 'report')).sent[name] ?? [];
      const received = (await emr.ask({ type: 'report' }, 'report')).received[name] ?? [];
      return countConnection(sent, received, new Set()).duplicated;
    };
    await expect.poll(doubles, { timeout: 20_000 }).toBeGreaterThan(0);
  });
});

describe('parties without a gateway', () => {
  test('healthy platforms: every message arrives once, in order, unchanged', async () => {
    const count = await run(30, null);
    expect(count.sent).toBeGreaterThanOrEqual(30 * CONNECTIONS);
    expect(count).toMatchObject({ delivered: count.sent, unanswered: 0, rejected: 0, exampleIds: [] });
    expect(isClean(count)).toBe(true);
  });

  test('a platform that swallows messages is seen as loss', async () => {
    const count = await run(30, 'drop');
    expect(count.lost).toBeGreaterThan(0);
    expect(count.delivered).toBe(count.sent - count.lost);
  });

  test('a platform that sends twice is seen as doubles', async () => {
    const count = await run(40, 'duplicate');
    expect(count.duplicated).toBeGreaterThan(0);
    expect(count.lost).toBe(0);
  });

  test('a platform that changes the meaning is seen as altered', async () => {
    const count = await run(20, 'drift');
    expect(count.altered).toBeGreaterThan(0);
    expect(isClean(count)).toBe(false);
  });

  test('a destination that answers no now and then costs attempts, not messages', async () => {
    const count = await run(20, 'nak', 'lis');
    expect(count).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, unexpected: 0 });
  });
});
