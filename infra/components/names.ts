/** Names that AWS takes: short, of letters, digits and dashes, and other ones where a change means a new resource. */
import { createHash } from 'node:crypto';

/** `parts` are what the resource is; another part makes another name, so that old and new can stand side by side. */
export function shortName(prefix: string, ...parts: readonly (string | number)[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
  return `${prefix}-${digest}`;
}

export function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
