/** The same difference on all connections together: what a mapping does wrong is seldom wrong on one connection only. */
import type { ComparedConnection, Shape } from '../compare-document.ts';
import { byWeight } from './judgement.ts';

const NAMES_LIMIT = 10;
const SHAPES_LIMIT = 500;

/** Of the shapes that differ in the code alone, one each: a code says which test, and there it has to be mended. */
export function shapesOf(connections: readonly ComparedConnection[]): Shape[] {
  const shapes = new Map<string, Shape>();
  for (const { name, differences } of connections) {
    for (const difference of differences) {
      const { path, kind, code, shape, rule } = difference;
      const key = [path, kind, code, shape, rule].join('\n');
      const known = shapes.get(key);
      shapes.set(key, {
        ...difference,
        count: difference.count + (known?.count ?? 0),
        pairs: difference.pairs + (known?.pairs ?? 0),
        exampleIds: [...(known?.exampleIds ?? []), ...difference.exampleIds].slice(0, 5),
        connections: 1 + (known?.connections ?? 0),
        on: [...(known?.on ?? []), name].slice(0, NAMES_LIMIT),
      });
    }
  }
  return [...shapes.values()].sort(byWeight).slice(0, SHAPES_LIMIT);
}
