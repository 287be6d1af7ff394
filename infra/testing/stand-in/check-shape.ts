/** For tests: what is wrong with the inputs of a resource, against the shapes of its SDK. */
import { CUSTOM_SHAPES } from '../custom-shapes.ts';
import { METADATA, type Members, type Shape, type Shapes } from '../shapes.ts';

/** What the engine sends in a preview for a value that is known later. */
const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
/** Members that the SDKs add, or that are no inputs of the object itself. */
const ALWAYS = new Set(['__defaults', '__internal', '__inputs', '__initialApiVersion', '__fieldManager']);

export type ShapeProblem = { readonly property: string; readonly reason: string };

export function checkShape(shapes: Shapes, type: string, inputs: Readonly<Record<string, unknown>>): ShapeProblem[] {
  const members = shapes.resources[type];
  if (members !== undefined) return checkMembers(shapes, members, inputs, '');
  const custom = CUSTOM_SHAPES[`${inputs.apiVersion}:${inputs.kind}`];
  if (custom === undefined) return [{ property: '', reason: `the stand-in knows no resource ${type}` }];
  const metadata = shapes.types[METADATA] ?? {};
  const around: Members = {
    apiVersion: { shape: 'string', required: true },
    kind: { shape: 'string', required: true },
    metadata: { shape: 'any', required: true },
    spec: { shape: 'any', required: true },
  };
  return [
    ...checkMembers(shapes, around, inputs, ''),
    ...checkMembers(shapes, metadata, objectOf(inputs.metadata), 'metadata'),
    ...checkMembers(shapes, custom.spec, objectOf(inputs.spec), 'spec'),
  ];
}

function checkMembers(
  shapes: Shapes,
  members: Members,
  value: Readonly<Record<string, unknown>>,
  path: string,
): ShapeProblem[] {
  const place = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const missing = Object.entries(members)
    .filter(([name, { required }]) => required && value[name] === undefined)
    .map(([name]) => ({ property: place(name), reason: 'is missing' }));
  const present = Object.entries(value).flatMap(([name, member]) => {
    if (member === undefined || ALWAYS.has(name)) return [];
    const known = members[name];
    if (known === undefined) return [{ property: place(name), reason: 'there is no such property' }];
    return checkValue(shapes, known.shape, member, place(name));
  });
  return [...missing, ...present];
}

function checkValue(shapes: Shapes, shape: Shape, value: unknown, path: string): ShapeProblem[] {
  if (shape === 'any' || value === UNKNOWN || value === null || value === undefined) return [];
  const wrong = (wanted: string): ShapeProblem[] => [{ property: path, reason: `is ${kindOf(value)}, not ${wanted}` }];
  if (typeof shape === 'string') return typeof value === shape ? [] : wrong(`a ${shape}`);
  if ('literal' in shape) return value === shape.literal ? [] : wrong(JSON.stringify(shape.literal));
  if ('union' in shape) {
    const tried = shape.union.map((part) => checkValue(shapes, part, value, path));
    return tried.some((problems) => problems.length === 0) ? [] : wrong('one of its accepted kinds');
  }
  if ('array' in shape) {
    if (!Array.isArray(value)) return wrong('a list');
    return value.flatMap((item, index) => checkValue(shapes, shape.array, item, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || Array.isArray(value)) return wrong('an object');
  if ('map' in shape) {
    return Object.entries(value).flatMap(([key, item]) => checkValue(shapes, shape.map, item, `${path}.${key}`));
  }
  return checkMembers(shapes, shapes.types[shape.ref] ?? {}, objectOf(value), path);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
