import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, LEG_PORTS, startFakeGateway } from '../../adapters/gateway-admin.fake.ts';
import { diffGateway } from './diff.ts';
import { type GatewayInputs, verifyGateway } from './gateway-resource.ts';
import { Gateways } from './gateways.ts';

const NAME = 'northside-orders';

describe('a gateway', () => {
  let gateway: FakeGateway;
  let gateways: Gateways;

  beforeEach(async () => {
    gateway = await startFakeGateway({ connections: [NAME] });
    gateways = new Gateways(gateway.env);
  });
  afterEach(async () => {
    await gateways.close();
    await gateway.stop();
  });

  const inputs = (change: Partial<GatewayInputs> = {}): GatewayInputs => ({
    admin: gateway.admin,
    shard: 0,
    deployment: 'lab-test-1',
    target: 'local',
    feeds: { [NAME]: 0 },
    legs: { [NAME]: LEG_PORTS },
    ...change,
  });

  it('is verified by identity, version and ports', async () => {
    expect(await verifyGateway(gateways, inputs())).toMatchObject({
      ok: true,
      value: { incarnation: gateway.info.incarnation, version: '0.0.0-fake', verifiedFeeds: 1, verifiedLegs: 2 },
    });
  });

  it.each([
    [{ feeds: { [NAME]: 1 } }, `feed ${NAME} is on port 21001, not 1`],
    [{ feeds: { harbor: 0 } }, 'feed harbor is not served'],
    [{ legs: { [NAME]: { ...LEG_PORTS, new: 9 } } }, `leg new of ${NAME} is on port 23001, not 9`],
    [{ target: 'production' }, 'its target is local, not production'],
    [{ deployment: 'lab-prod-1' }, 'expects deployment lab-prod-1'],
  ] as const)('that differs in %o is refused', async (change, text) => {
    const verified = await verifyGateway(gateways, inputs(change));
    expect(verified).toMatchObject({ ok: false });
    expect(JSON.stringify(verified)).toContain(text);
  });

  it('is looked at in every diff: another data directory is a change, silence a warning', async () => {
    const warnings: string[] = [];
    const diff = (outputs: Record<string, unknown>) =>
      diffGateway(gateways, inputs(), outputs, inputs(), (message) => warnings.push(message));
    const { incarnation, version } = gateway.info;
    expect(await diff({ incarnation, version })).toEqual({ ok: true, value: [] });
    expect(await diff({ incarnation: 'another', version })).toMatchObject({ value: [{ property: 'incarnation' }] });
    expect(warnings).toEqual([]);

    await gateway.disconnect();
    gateways = new Gateways(gateway.env);
    expect(await diff({ incarnation, version })).toEqual({ ok: true, value: [] });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(gateway.admin);

    gateways = new Gateways({});
    expect(await diff({ incarnation, version })).toEqual({ ok: true, value: [] });
    expect(warnings[1]).toContain('CUTOVER_ADMIN_TOKEN');
  });
});
