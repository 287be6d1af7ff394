/**
 * One id on both sides, told apart as far as anyone can: a lab reuses MSH-10, so ids are counted as often as they occur.
 * By digest where both sides have one, then by time, else by count alone.
 */
import type { MessageId } from '../admin-api.ts';

/** What the gateway delivered (or accepted) under the id. */
export type Ours = {
  readonly id: MessageId;
  /** SHA-256 in hex. */
  readonly digest: string;
  readonly atMs: number;
  /** Else it is only there to meet a row near the edge of the window. */
  readonly inWindow: boolean;
};

/** What the outside record has under the id. */
export type Theirs = {
  readonly row: number;
  /** Hex, perhaps only its beginning; null: the record has none. */
  readonly digest: string | null;
  readonly atMs: number | null;
  readonly inWindow: boolean;
};

export type GroupResult = {
  /** What has its row. */
  readonly met: readonly Ours[];
  readonly missing: readonly Ours[];
  /** Rows beyond what was delivered; `of`: the message that is there already. */
  readonly surplus: readonly { readonly row: Theirs; readonly of: Ours | null }[];
  /** Which ones are named is a guess among equals. */
  readonly isAmbiguous: boolean;
};

export function resolveGroup(ours: readonly Ours[], theirs: readonly Theirs[]): GroupResult {
  const left = [...ours].sort((a, b) => a.atMs - b.atMs);
  const rows = [...theirs].sort((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0) || a.row - b.row);
  const met: Ours[] = [];
  const take = (index: number, row: number): void => {
    met.push(...left.splice(index, 1));
    rows.splice(row, 1);
  };
  for (let at = 0; at < rows.length; ) {
    const index = left.findIndex(({ digest }) => isSame(rows[at]?.digest ?? null, digest));
    if (index < 0) at++;
    else take(index, at);
  }
  // With a digest that fits nothing a row is another message: it meets nothing else.
  const open = rows.filter(({ digest }) => digest === null);
  const isTold = open.every(({ atMs }) => atMs !== null);
  const isAmbiguous = !isTold && left.length !== open.length && Math.min(left.length, open.length) > 0;
  for (const row of open) {
    const index = nearest(left, row.atMs);
    if (index < 0) break;
    take(index, rows.indexOf(row));
  }
  return {
    met,
    missing: left.filter(({ inWindow }) => inWindow),
    surplus: rows
      .filter(({ inWindow }) => inWindow)
      .map((row) => ({
        row,
        of: met.find(({ digest }) => isSame(row.digest, digest)) ?? (row.digest === null ? (met[0] ?? null) : null),
      })),
    isAmbiguous,
  };
}

function isSame(theirs: string | null, ours: string): boolean {
  return theirs !== null && theirs.length >= 12 && ours.startsWith(theirs.toLowerCase());
}

/** The one nearest in time; without a time the first. */
function nearest(left: readonly Ours[], atMs: number | null): number {
  if (atMs === null) return left.length === 0 ? -1 : 0;
  let best = -1;
  for (const [index, one] of left.entries()) {
    const known = left[best];
    if (known === undefined || Math.abs(one.atMs - atMs) < Math.abs(known.atMs - atMs)) best = index;
  }
  return best;
}
