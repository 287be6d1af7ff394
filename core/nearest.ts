/** The word that someone probably meant: the closest by edit distance, if it is close enough to be worth naming. */

const FARTHEST = 3;

export function nearest(given: string, candidates: readonly string[]): string | null {
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      distance: candidate.startsWith(given) && given.length > 1 ? 1 : distance(given, candidate),
    }))
    .filter(
      ({ candidate, distance: far }) =>
        far < candidate.length && far <= Math.min(FARTHEST, Math.ceil(candidate.length / 2)),
    )
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate ?? null;
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replace = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replace, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
