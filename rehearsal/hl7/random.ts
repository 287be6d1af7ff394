/** Seeded randomness (sfc32 over an FNV-1a seed): the same seed makes the same messages on any machine. */

export type Random = {
  /** At least 0, below 1. */
  next(): number;
  /** Both ends included. */
  integer(low: number, high: number): number;
  pick<T>(items: readonly T[]): T;
  chance(share: number): boolean;
};

export function randomFrom(seed: string): Random {
  const step = sfc32(fnv1a(seed, 0), fnv1a(seed, 1), fnv1a(seed, 2));
  const next = (): number => step() / 4_294_967_296;
  const integer = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    integer,
    pick: (items) => {
      const item = items[integer(0, items.length - 1)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    chance: (share) => next() < share,
  };
}

function fnv1a(text: string, salt: number): number {
  let hash = (0x811c9dc5 ^ salt) >>> 0;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}

function sfc32(first: number, second: number, third: number): () => number {
  let a = first | 0;
  let b = second | 0;
  let c = third | 0;
  let counter = 1;
  const step = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) step();
  return step;
}
