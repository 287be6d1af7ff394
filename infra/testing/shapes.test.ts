/** The shapes on file are those of the installed SDKs, and they find what is misspelt or mistyped. */

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { exampleInventory, exampleRoutes } from './example-inventory.ts';
import { deriveShapes, readShapes } from './shapes.ts';
import { checkShape } from './stand-in/check-shape.ts';
import { checkLimits } from './stand-in/limits.ts';

const LISTENER = 'aws:lb/listener:Listener';
const GOOD = {
  loadBalancerArn: 'arn',
  port: 21_001,
  protocol: 'TCP',
  defaultActions: [{ type: 'forward', forward: { targetGroups: [{ arn: 'arn', weight: 0 }] } }],
};

describe('shapes of the SDKs', () => {
  it('are those of the installed versions (npm run shapes)', () => {
    expect(readShapes()).toEqual(deriveShapes());
  });

  it.each([
    ['a misspelt property', { ...GOOD, prot: 1 }, 'prot', 'there is no such property'],
    ['a mistyped one', { ...GOOD, port: '21001' }, 'port', 'is a string, not a number'],
    ['a missing one', { ...GOOD, loadBalancerArn: undefined }, 'loadBalancerArn', 'is missing'],
    [
      'a misspelt one deep inside',
      { ...GOOD, defaultActions: [{ type: 'forward', forward: { targetGroups: [{ arn: 'arn', wieght: 0 }] } }] },
      'defaultActions[0].forward.targetGroups[0].wieght',
      'there is no such property',
    ],
  ])('find %s', (_what, inputs, property, reason) => {
    const problems = checkShape(readShapes(), LISTENER, inputs);
    expect(problems).toContainEqual({ property, reason });
  });

  it('accept what is right, and know no other resource', () => {
    expect(checkShape(readShapes(), LISTENER, GOOD)).toEqual([]);
    expect(checkShape(readShapes(), 'aws:lb/listener:Listner', GOOD)).toHaveLength(1);
  });

  it('know limits that no type tells', () => {
    const heavy = [{ type: 'forward', forward: { targetGroups: [{ arn: 'arn', weight: 1000 }] } }];
    expect(checkLimits(LISTENER, { ...GOOD, defaultActions: heavy })).toHaveLength(1);
    expect(checkLimits('aws:lb/targetGroup:TargetGroup', { name: 'x'.repeat(33) })).toHaveLength(1);
    expect(checkLimits(LISTENER, { tcpIdleTimeoutSeconds: 10 })).toHaveLength(1);
  });
});

describe('the example stack', () => {
  it('is what its generator writes (npm run example)', async () => {
    const stacks = new URL('../../stacks/', import.meta.url);
    expect(await readFile(new URL('production/inventory.yaml', stacks), 'utf8')).toBe(exampleInventory());
    expect(await readFile(new URL('Pulumi.production.yaml', stacks), 'utf8')).toBe(exampleRoutes(exampleInventory()));
  });
});
