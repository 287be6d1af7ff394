/**
 * A person writes `&name` and `*name` so as not to repeat themselves. Who then edits what the anchor stands on would change
 * every place that repeats it, or leave an alias of nothing: so these places get a copy of their own first.
 */
import { type Document, isNode, type Node, visit } from 'yaml';

/** Aliases of anything in these nodes become what they stand for. */
export function detachAliases(document: Document, edited: readonly unknown[]): void {
  const touched = new Set<Node>();
  for (const node of edited) {
    if (isNode(node)) visit(node, { Node: (_, inner) => void touched.add(inner) });
  }
  visit(document, {
    Alias: (_, alias) => {
      const target = alias.resolve(document);
      return target === undefined || !touched.has(target) ? undefined : copyOf(target);
    },
  });
}

function copyOf(node: Node): Node {
  const copy = node.clone();
  if (!isNode(copy)) throw new Error('a copy of a node is a node');
  visit(copy, {
    Collection: (_, inner) => void delete inner.anchor,
    Scalar: (_, inner) => void delete inner.anchor,
  });
  // What is said beside the one place is not said of the other.
  copy.comment = null;
  copy.commentBefore = null;
  return copy;
}
