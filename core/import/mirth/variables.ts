/** `${name}` in a connector's settings, as far as the export or a file says what it is. */
import type { Resolve } from './tcp.ts';

const REFERENCE = /\$\{([^{}]{1,200})\}/g;
/** As templates write it: `name`, `configurationMap.get('name')`, `$cfg('name')`. */
const LOOKUP = /^(?:configurationMap\.get|\$cfg)\(\s*['"]([^'"]+)['"]\s*\)$/;

export function resolverOf(values: ReadonlyMap<string, string>): Resolve {
  return (text) => {
    const unresolved: string[] = [];
    const value = text.replace(REFERENCE, (whole, inner: string) => {
      const name = LOOKUP.exec(inner.trim())?.[1] ?? inner.trim();
      const known = values.get(name);
      if (known === undefined) unresolved.push(name);
      return known ?? whole;
    });
    return { value: value.trim(), unresolved };
  };
}

/** `name = value`, one a line; `#` begins a comment. As in a configuration map exported by the engine. */
export function parseVariables(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^\s*([^#!\s=:][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  return values;
}
