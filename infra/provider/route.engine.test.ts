/** What a platform engineer sees of routes with `pulumi preview`, `up` and `refresh`, on the real engine. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../../adapters/gateway-admin.fake.ts';
import { FIRST_ROUTE } from '../../core/platform.ts';
import { createTestStack, type TestStack } from './engine-harness.ts';

const ORDERS = 'northside-orders';
const RESULTS = 'northside-results';
const LEGACY = { phase: 'legacy', epoch: 1 } as const;
const PARALLEL = { phase: 'parallel', epoch: 2 } as const;
const ENGINE_LIMIT_MS = 900_000;
const LIMIT_MS = 120_000;
const urnOf = (name: string): string => `urn:pulumi:test::lab-cutover::cutover:index:Route::${name}`;

describe('routes on the real engine', { timeout: LIMIT_MS }, () => {
  let gateway: FakeGateway;
  let stack: TestStack;

  beforeAll(async () => {
    gateway = await startFakeGateway({ connections: [ORDERS, RESULTS] });
    stack = await createTestStack(gateway.env);
  }, ENGINE_LIMIT_MS);
  afterAll(async () => {
    await gateway.stop();
    await stack.remove();
  });

  /** Both connections in legacy, at the gateway, in the stack file and in the state. */
  beforeEach(async () => {
    for (const name of [ORDERS, RESULTS]) gateway.setRoute(name, FIRST_ROUTE);
    await stack.writeInventory(gateway.admin, [{ name: ORDERS }, { name: RESULTS }]);
    await stack.writeRoutes({ [ORDERS]: LEGACY, [RESULTS]: LEGACY });
    expect(await stack.up('--refresh')).toMatchObject({ exitCode: 0 });
    gateway.requests.length = 0;
    gateway.moves.length = 0;
  }, LIMIT_MS);

  it('previews and makes the legal change, as a request of Pulumi’s own', async () => {
    await stack.writeRoutes({ [ORDERS]: PARALLEL, [RESULTS]: LEGACY });
    const preview = await stack.preview();
    expect(preview.output).toMatch(/~ phase\s*: "legacy" => "parallel"/);
    expect(gateway.route(ORDERS).epoch).toBe(1);

    expect(await stack.up()).toMatchObject({ exitCode: 0 });
    expect(gateway.route(ORDERS)).toEqual({ phase: 'parallel', newWeight: 0, epoch: 2 });
    expect(gateway.moves).toMatchObject([{ origin: 'pulumi', expectedEpoch: 1, deadlineMs: 60_000, force: false }]);
    const { [ORDERS]: state } = await stack.routes();
    expect(state?.outputs).toMatchObject({ phase: 'parallel', newWeight: 0, epoch: 2, control: 'legacy' });
  });

  it('carries the request ids, change and deadline of the verb that runs the update', async () => {
    await stack.writeRoutes({ [ORDERS]: PARALLEL, [RESULTS]: LEGACY });
    const request = {
      origin: 'verb',
      changeId: 'CHG-1',
      deadlineMs: 5_000,
      notAfter: '2099-01-01T00:00:00Z',
      requestIds: { [ORDERS]: 'request-of-the-verb' },
    };
    const run = await stack.run(['up', '--skip-preview', '--yes', '--target', urnOf(ORDERS)], {
      CUTOVER_REQUEST: JSON.stringify(request),
    });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(gateway.moves).toMatchObject([
      {
        requestId: 'request-of-the-verb',
        origin: 'verb',
        changeId: 'CHG-1',
        deadlineMs: 5_000,
        notAfter: '2099-01-01T00:00:00Z',
      },
    ]);
    expect(gateway.requests).not.toContain(`GET /v1/connections/${RESULTS}`);
  });

  it('refuses an illegal change in the preview, by name and with what is legal', async () => {
    await stack.writeRoutes({ [ORDERS]: { phase: 'switched', epoch: 2 }, [RESULTS]: LEGACY });
    const preview = await stack.preview();
    expect(preview.exitCode).not.toBe(0);
    expect(preview.output).toContain(`${ORDERS}: legacy → switched is not a legal move`);
    expect(preview.output).toContain('next: cutover parallel');
    expect(await stack.up()).not.toMatchObject({ exitCode: 0 });
    expect(gateway.moves).toEqual([]);
  });

  it('finds a route that was changed behind its back, and refuses the stale entry by the epoch to write', async () => {
    gateway.setRoute(ORDERS, { phase: 'parallel', newWeight: 30, epoch: 3 });
    expect(await stack.refresh()).toMatchObject({ exitCode: 0 });
    const { [ORDERS]: found } = await stack.routes();
    expect(found?.outputs).toMatchObject({ phase: 'parallel', newWeight: 30, epoch: 3, control: 'legacy' });

    const up = await stack.up();
    expect(up.exitCode).not.toBe(0);
    expect(up.output).toContain(`${ORDERS}: the entry (legacy at epoch 1) is stale`);
    expect(up.output).toContain('cutover sync');

    await stack.writeRoutes({ [ORDERS]: { phase: 'switched', epoch: 9 }, [RESULTS]: LEGACY });
    expect((await stack.preview()).output).toContain('a change must name epoch 4');
    await stack.writeRoutes({ [ORDERS]: { phase: 'parallel', newWeight: 30, epoch: 3 }, [RESULTS]: LEGACY });
    expect(await stack.up()).toMatchObject({ exitCode: 0 });
    expect(gateway.moves).toEqual([]);
  });

  it('never judges an unchanged route again: nothing is asked, and a gateway that moved on is left alone', async () => {
    gateway.setRoute(ORDERS, { phase: 'parallel', newWeight: 0, epoch: 2 });
    expect((await stack.preview('--expect-no-changes')).exitCode).toBe(0);
    expect(await stack.up()).toMatchObject({ exitCode: 0 });
    expect(gateway.requests.filter((line) => line.includes('/v1/connections'))).toEqual([]);
    expect(gateway.route(ORDERS).epoch).toBe(2);
  });

  it('finds the wanted route already reached, and calls that success', async () => {
    gateway.setRoute(ORDERS, { phase: 'parallel', newWeight: 0, epoch: 2 });
    await stack.writeRoutes({ [ORDERS]: PARALLEL, [RESULTS]: LEGACY });
    expect(await stack.up()).toMatchObject({ exitCode: 0 });
    expect(gateway.moves).toEqual([]);
    expect((await stack.routes())[ORDERS]?.outputs).toMatchObject({ phase: 'parallel', epoch: 2 });
  });

  it('leaves the state as it was where the gateway aborted the swap, and says why', async () => {
    const before = (await stack.routes())[ORDERS];
    gateway.abortNextMove('the hold reached half of the ackTimeout');
    await stack.writeRoutes({ [ORDERS]: PARALLEL, [RESULTS]: PARALLEL });
    const up = await stack.up('--continue-on-error', '--parallel', '1');
    expect(up.exitCode).not.toBe(0);
    expect(up.output).toContain('the hold reached half of the ackTimeout');
    const after = await stack.routes();
    const aborted = [ORDERS, RESULTS].filter((name) => gateway.route(name).epoch === 1);
    expect(aborted).toHaveLength(1);
    if (aborted[0] === ORDERS) expect(after[ORDERS]?.inputs).toEqual(before?.inputs);
    for (const name of [ORDERS, RESULTS]) expect(after[name]?.outputs.epoch).toBe(gateway.route(name).epoch);

    expect(await stack.up()).toMatchObject({ exitCode: 0 });
    for (const name of [ORDERS, RESULTS]) expect(gateway.route(name).epoch).toBe(2);
  });

  it('keeps no credential in the state', async () => {
    const state = await stack.exportText();
    expect(state).toContain(ORDERS);
    expect(state).not.toContain(gateway.token);
    expect(state).not.toContain('CUTOVER_ADMIN_TOKEN');
  });

  it('follows a rename through previousNames, without delete or create', async () => {
    const renamed = 'northside-lab-orders';
    gateway.setRoute(renamed, FIRST_ROUTE);
    await stack.writeInventory(gateway.admin, [{ name: renamed, previousNames: [ORDERS] }, { name: RESULTS }]);
    await stack.writeRoutes({ [renamed]: LEGACY, [RESULTS]: LEGACY });
    const up = await stack.up();
    expect(up).toMatchObject({ exitCode: 0 });
    expect(Object.keys(await stack.routes()).sort()).toEqual([renamed, RESULTS]);
    expect(up.output).not.toMatch(/delet|creat/);

    await stack.writeInventory(gateway.admin, [{ name: ORDERS, previousNames: [renamed] }, { name: RESULTS }]);
    await stack.writeRoutes({ [ORDERS]: LEGACY, [RESULTS]: LEGACY });
    expect(await stack.up()).toMatchObject({ exitCode: 0 });
  });

  it('deletes no route that is in the path, protected or not', async () => {
    await stack.writeRoutes({ [RESULTS]: LEGACY });
    const isProtected = await stack.up();
    expect(isProtected.exitCode).not.toBe(0);
    expect(isProtected.output).toContain('protected');

    expect(await stack.run(['state', 'unprotect', '--yes', urnOf(ORDERS)])).toMatchObject({ exitCode: 0 });
    const refused = await stack.up();
    expect(refused.exitCode).not.toBe(0);
    expect(refused.output).toContain(`${ORDERS}: it is in the path of live messages (legacy, epoch 1)`);
    expect(Object.keys(await stack.routes())).toContain(ORDERS);

    gateway.setRoute(ORDERS, { phase: 'decommissioned', newWeight: 0, epoch: 5 });
    expect(await stack.up()).toMatchObject({ exitCode: 0 });
    expect(Object.keys(await stack.routes())).toEqual([RESULTS]);
  });

  it('warns of a connection without an entry, and refuses an entry without a connection', async () => {
    await stack.writeInventory(gateway.admin, [{ name: ORDERS }, { name: RESULTS }, { name: 'harbor-orders' }]);
    gateway.setRoute('harbor-orders', FIRST_ROUTE);
    const warned = await stack.preview('--target', urnOf(ORDERS));
    expect(warned.exitCode).toBe(0);
    expect(warned.output).toContain('without a Route: harbor-orders');

    await stack.writeRoutes({ [ORDERS]: LEGACY, [RESULTS]: LEGACY, 'no-such-connection': LEGACY });
    const unknown = await stack.preview();
    expect(unknown.exitCode).not.toBe(0);
    expect(unknown.output).toContain('lab-cutover:routes.no-such-connection: the inventory has no connection');
  });

  it('lists every problem of the stack file, with line and remedy', async () => {
    await stack.writeRoutes({ [ORDERS]: { phase: 'paralel', epoch: 0 }, [RESULTS]: LEGACY });
    const { exitCode, output } = await stack.preview();
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(
      /stacks\/Pulumi\.test\.yaml:\d+: config\.lab-cutover:routes\.northside-orders\.phase: .+ → /,
    );
    expect(output).toContain('northside-orders.epoch');
    expect(output).not.toContain('unhandled exception');
  });
});

describe('a gateway that cannot be reached, on the real engine', { timeout: LIMIT_MS }, () => {
  it('fails the preview of a changed route by name, and stays out of the way of an unchanged one', async () => {
    const gateway = await startFakeGateway({ connections: [ORDERS] });
    const stack = await createTestStack(gateway.env);
    try {
      await stack.writeInventory(gateway.admin, [{ name: ORDERS }]);
      await stack.writeRoutes({ [ORDERS]: LEGACY });
      // First-ever update of one route: the gateway's own resource does not exist yet, and is not needed.
      expect(await stack.up('--target', urnOf(ORDERS))).toMatchObject({ exitCode: 0 });
      expect(await stack.up()).toMatchObject({ exitCode: 0 });
      await gateway.disconnect();

      const unchanged = await stack.preview();
      expect(unchanged.exitCode).toBe(0);
      expect(unchanged.output).toContain(`not verified: the gateway of shard 0 at ${gateway.admin}`);

      await stack.writeRoutes({ [ORDERS]: PARALLEL });
      const changed = await stack.preview();
      expect(changed.exitCode).not.toBe(0);
      expect(changed.output).toContain(`at ${gateway.admin} cannot be reached (ECONNREFUSED)`);
      expect(await stack.refresh()).not.toMatchObject({ exitCode: 0 });
      expect(Object.keys(await stack.routes())).toEqual([ORDERS]);
    } finally {
      await gateway.stop();
      await stack.remove();
    }
  });
});
