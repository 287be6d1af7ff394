/** A piece of an XML document as plain data, with the line on which each element stands. */

export type XmlNode = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
  /** Its own text, without that of its children. */
  readonly text: string;
  /** 1-based. */
  readonly line: number;
};

export function childOf(node: XmlNode | null, ...path: string[]): XmlNode | null {
  let found = node;
  for (const name of path) found = found?.children.find((child) => child.name === name) ?? null;
  return found;
}

/** The first of these that is there: engines rename elements from version to version. */
export function firstChildOf(node: XmlNode | null, ...names: string[]): XmlNode | null {
  for (const name of names) {
    const found = childOf(node, name);
    if (found !== null) return found;
  }
  return null;
}

/** Trimmed; null where the element is absent. */
export function textOf(node: XmlNode | null, ...path: string[]): string | null {
  return childOf(node, ...path)?.text.trim() ?? null;
}

/** Null: absent, or neither `true` nor `false`. */
export function flagOf(node: XmlNode | null, ...path: string[]): boolean | null {
  const text = textOf(node, ...path);
  return text === 'true' ? true : text === 'false' ? false : null;
}

export function* descendantsOf(node: XmlNode): Generator<XmlNode> {
  for (const child of node.children) {
    yield child;
    yield* descendantsOf(child);
  }
}
