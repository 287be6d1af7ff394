/** Where two values differ, as documents: undefined members are none. */
import type { Json } from '../../../core/canonical-json.ts';

/** Null: nowhere. */
export function firstDifference(one: unknown, other: unknown): string | null {
  return differenceAt(plain(one), plain(other), '');
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

function differenceAt(a: Json, b: Json, path: string): string | null {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return a === b ? null : `${path}: ${JSON.stringify(a)?.slice(0, 80)} and ${JSON.stringify(b)?.slice(0, 80)}`;
  }
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(key), right.get(key)];
    if (one === undefined || other === undefined) return `${path}.${key} is only in one`;
    const found = differenceAt(one, other, `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}
