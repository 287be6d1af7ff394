/** The sign-off pack: what it says of real moves, what it does not know, and that it opens anywhere. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Estate, startEstate } from './verbs-estate.ts';
import { REPOSITORY } from './verbs-harness.ts';

const FLOW = 'practice-004-orders';

let estate: Estate;
beforeAll(async () => {
  const flow = { origin: 'platform', feed: undefined };
  estate = await startEstate(4, { change: ({ name }) => (name === FLOW ? flow : {}) });
});
afterAll(() => estate.stop());

it('names every connection, every move and everything that is not known', async () => {
  const [name = ''] = estate.names;
  for (const [phase, expectedEpoch] of [
    ['parallel', 1],
    ['switched', 2],
  ] as const) {
    const moved = await estate.admin.move(name, {
      requestId: phase,
      phase,
      expectedEpoch,
      reason: '=1+1 <b>night</b>',
    });
    expect(moved.ok ? null : moved.error.message).toBeNull();
  }
  const run = await estate.project.cutover(['report', '--all', '--html', 'pack.html', '--json']);
  expect(run.exitCode, run.stderr).toBe(3);
  const report = JSON.parse(run.stdout);
  const schema = JSON.parse(await readFile(join(REPOSITORY, 'docs/schemas/report.schema.json'), 'utf8'));
  expect(new Ajv2020({ strict: false, validateFormats: false }).validate(schema, report)).toBe(true);
  expect(report.notKnown).toEqual([
    'comparisons, pauses, deliveries by platform and the ledger: DATABASE_URL is not set',
  ]);
  expect(report).toMatchObject({ charter: null, gate: null, night: null, raid: null, checkpoint: null, signed: [] });
  const answers = Object.fromEntries(
    report.success.map(({ measure, verdict }: { measure: string; verdict: string }) => [measure, verdict]),
  );
  expect(answers).toMatchObject({ 'all-moved': 'not-met', 'no-loss': 'not-known', 'two-persons': 'not-met' });
  expect(report.connections).toHaveLength(4);
  expect(report.connections[0]).toMatchObject({ name, phase: 'switched', epoch: 3, pairs: null });
  expect(report.connections[1].openPoints).toContain('it is still in legacy');
  expect(report.timeline.map(({ epoch }: { epoch: number }) => epoch)).toEqual([2, 3]);
  const html = await readFile(join(estate.project.folder, 'pack.html'), 'utf8');
  for (const each of estate.names) expect(html).toContain(each);
  expect(html).toContain('4 of 4 connections have open points');
  expect(html).not.toContain('<b>night');
  expect(html).not.toMatch(/<script|https?:\/\/|<img|<link/);
  // What cannot be known of a flow without a feed is no open point, and no zero.
  const flow = report.connections.find((one: { name: string }) => one.name === FLOW);
  expect(flow).toMatchObject({ origin: 'platform', openPoints: ['it is still in legacy'] });
  expect(html).toContain(`<th scope="row">${FLOW}</th><td>– (no feed)</td>`);
  const csv = await readFile(join(estate.project.folder, 'pack.csv'), 'utf8');
  expect(csv.trim().split('\r\n')).toHaveLength(5);
});

it('counts what a renamed connection did under its former name', async () => {
  const [name = ''] = estate.names;
  const back = { requestId: 'back', phase: 'parallel', expectedEpoch: 3, reason: 'drill' } as const;
  expect(await estate.admin.move(name, back)).toMatchObject({ ok: true });
  const connections = estate.inventory.connections.map((one) =>
    one.name === name ? { ...one, name: 'heir', previousNames: [name] } : one,
  );
  await estate.project.writeInventory({ ...estate.inventory, connections });
  process.kill(estate.gatewayPid(), 'SIGTERM');
  await estate.restartGateway();
  const run = await estate.project.cutover(['report', '--all', '--html', 'pack.html', '--json']);
  const measured = Object.fromEntries(
    JSON.parse(run.stdout).success.map((one: { measure: string; measured: string }) => [one.measure, one.measured]),
  );
  expect(measured).toMatchObject({
    'longest-pause': 'the pauses of 1 connections are not known',
    'rollback-proven': 'drilled or done for 1 of 4',
  });
});

it('wants to know where to write', async () => {
  const run = await estate.project.cutover(['report', '--all']);
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain('cutover report --html report.html');
});
