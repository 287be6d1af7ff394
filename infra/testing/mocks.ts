/**
 * For tests: Pulumi's mocks, which throw on what they do not know. Resources are declared in this process without an
 * engine; their inputs are checked against the shapes of the SDKs, and kept to be looked at.
 */
import pulumi from '@pulumi/pulumi';
import { readShapes } from './shapes.ts';
import { checkShape } from './stand-in/check-shape.ts';
import { computedOf } from './stand-in/cloud.ts';
import { checkLimits } from './stand-in/limits.ts';

export type Declared = {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
};

export type Recorder = {
  readonly declared: Declared[];
  of(type: string): Declared[];
  one(type: string, name: string): Declared;
};

const COMPONENT = /^(cutover|pulumi:pulumi):/;
const PROVIDER = /^pulumi:providers:/;

/** Once a test file, before the program is run. */
export async function recordResources(stack: string, config: Readonly<Record<string, string>>): Promise<Recorder> {
  const shapes = readShapes();
  const declared: Declared[] = [];
  pulumi.runtime.setAllConfig({ ...config });
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, id }) => {
        declared.push({ type, name, inputs });
        if (COMPONENT.test(type) || PROVIDER.test(type)) return { id: id ?? name, state: inputs };
        const problems = [...checkShape(shapes, type, inputs), ...checkLimits(type, inputs)];
        if (problems.length > 0) throw new Error(`${name} (${type}): ${JSON.stringify(problems)}`);
        return { id: `${name}-id`, state: { ...computedOf(type, `${name}-id`), ...inputs } };
      },
      call: ({ token }) => {
        throw new Error(`the mocks answer no call of ${token}`);
      },
    },
    'lab-cutover',
    stack,
    false,
  );
  const of = (type: string): Declared[] => declared.filter((one) => one.type === type);
  return {
    declared,
    of,
    one: (type, name) => {
      const found = of(type).find((candidate) => candidate.name === name);
      if (found === undefined) throw new Error(`no ${type} of the name ${name}`);
      return found;
    },
  };
}

/** Runs a layer as a stack, until every resource that it declares is registered. */
export async function declare(layer: () => object): Promise<void> {
  await pulumi.runtime.runInPulumiStack(async () => layer());
  await pulumi.runtime.disconnect();
}
