/**
 * Of every kind of resource that the layers platform and edge declare, as they declare it: each property that is misspelt, and each
 * that has a value of another type, is refused by name. A kind that nobody declares any more is no longer in the list.
 */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseEdgeStack } from '../../core/edge/edge-config.ts';
import { parseInventory } from '../../core/inventory.ts';
import { parsePlatformStack } from '../../core/platform-config.ts';
import { CUSTOM_SHAPES } from './custom-shapes.ts';
import { exampleInventory } from './example-inventory.ts';
import { type Declared, declare, type Recorder, recordResources } from './mocks.ts';
import { readShapes, type Shape } from './shapes.ts';
import { checkShape } from './stand-in/check-shape.ts';

const SHAPES = readShapes();
const SDK_TYPES = Object.keys(SHAPES.resources).filter((type) => !type.startsWith('pulumi:'));

describe('a property of', () => {
  let recorder: Recorder;

  beforeAll(async () => {
    recorder = await recordResources('production', { 'lab-cutover:kubeconfig': 'a-kubeconfig' });
    const text = exampleInventory(2);
    const inventory = parseInventory(text, 'inventory.yaml');
    const platform = parsePlatformStack(await stackFile('platform'), 'platform.yaml');
    const edge = parseEdgeStack(await stackFile('edge'), 'edge.yaml');
    if (!inventory.ok || !platform.ok || !edge.ok) throw new Error('the examples hold');
    const read = { file: 'inventory.yaml', inventory: inventory.value, text };
    const { platformLayer } = await import('../platform.ts');
    const { edgeLayer } = await import('../edge.ts');
    await declare(() => ({ ...platformLayer(platform.value, read), ...edgeLayer(edge.value, read) }));
  });

  it.each(SDK_TYPES)('%s', (type) => {
    const [one] = recorder.of(type);
    if (one === undefined) throw new Error(`no layer declares a ${type}`);
    const members = SHAPES.resources[type] ?? {};
    for (const [name, value] of Object.entries(one.inputs)) {
      if (members[name] === undefined || value === undefined) continue;
      expectRefused(one, { ...without(one.inputs, name), [`${name}x`]: value }, `${name}x`);
      const wrong = otherThan(members[name].shape);
      if (wrong !== null) expectRefused(one, { ...one.inputs, [name]: wrong }, name);
    }
  });

  it.each(Object.entries(CUSTOM_SHAPES))('%s', (kind, { spec }) => {
    const one = recorder.declared.find(({ inputs }) => `${inputs.apiVersion}:${inputs.kind}` === kind);
    if (one === undefined) throw new Error(`no layer declares a ${kind}`);
    for (const [name, value] of Object.entries(Object(one.inputs.spec))) {
      const inSpec = (next: object): object => ({ ...one.inputs, spec: next });
      expectRefused(one, inSpec({ ...without(Object(one.inputs.spec), name), [`${name}x`]: value }), `spec.${name}x`);
      const wrong = otherThan(spec[name]?.shape ?? 'any');
      if (wrong !== null) expectRefused(one, inSpec({ ...Object(one.inputs.spec), [name]: wrong }), `spec.${name}`);
    }
  });
});

function expectRefused({ type, name }: Declared, inputs: object, property: string): void {
  const problems = checkShape(SHAPES, type, Object.fromEntries(Object.entries(inputs)));
  expect(
    problems.map((problem) => problem.property),
    `${type} ${name}`,
  ).toContain(property);
}

function without(inputs: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== name));
}

/** A value of another type; null: everything is accepted. */
function otherThan(shape: Shape): unknown {
  if (shape === 'any') return null;
  if (typeof shape === 'string') return shape === 'string' ? 7 : 'a text';
  if ('union' in shape) return shape.union.includes('any') ? null : [[7]];
  return 7.5;
}

function stackFile(layer: string): Promise<string> {
  return readFile(new URL(`../../stacks/Pulumi.production-${layer}.yaml`, import.meta.url), 'utf8');
}
