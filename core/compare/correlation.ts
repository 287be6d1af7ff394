/**
 * Which fields tell the outputs of a connection apart, and which both platforms keep: measured on inputs and what the
 * platforms made of them. A key that is unique and kept fits `correlate`; one that is kept fits `weightKey`.
 */
import { keyOf } from '../hl7/message.ts';

/** One input with what each platform made of it. */
export type Triple = {
  readonly input: Uint8Array;
  readonly legacy: Uint8Array | null;
  readonly new: Uint8Array | null;
};

export type KeyMeasure = {
  readonly paths: readonly string[];
  /** Shares, 0 to 1. */
  readonly present: number;
  readonly unique: number;
  /** Null: this platform sent nothing. */
  readonly legacy: number | null;
  readonly new: number | null;
  readonly fits: readonly ('correlate' | 'weightKey')[];
};

export const CANDIDATE_KEYS: readonly (readonly string[])[] = [
  ['MSH-10'],
  ['MSH-13'],
  ['ORC-2.1'],
  ['OBR-2.1'],
  ['ORC-3.1'],
  ['OBR-3.1'],
  ['ORC-2.1', 'ORC-1'],
  ['OBR-3.1', 'OBR-25'],
  ['OBR-3.1', 'OBR-25', 'OBR-22.1'],
  ['PID-3.1'],
  ['PID-18.1'],
];

/** Best first. Keys that no input has are left out. */
export function measureKeys(triples: readonly Triple[], keys = CANDIDATE_KEYS): readonly KeyMeasure[] {
  return keys
    .map((paths) => measure(triples, paths))
    .filter(({ present }) => present > 0)
    .sort((a, b) => b.fits.length - a.fits.length || b.unique - a.unique || a.paths.length - b.paths.length);
}

function measure(triples: readonly Triple[], paths: readonly string[]): KeyMeasure {
  const read = triples.map((triple) => ({
    input: keyOf(triple.input, paths),
    legacy: triple.legacy === null ? undefined : keyOf(triple.legacy, paths),
    new: triple.new === null ? undefined : keyOf(triple.new, paths),
  }));
  const counts = new Map<string, number>();
  for (const { input } of read) if (input !== null) counts.set(input, (counts.get(input) ?? 0) + 1);
  const present = read.filter(({ input }) => input !== null);
  const unique = present.filter(({ input }) => input !== null && counts.get(input) === 1).length;
  const kept = (platform: 'legacy' | 'new'): number | null => {
    const sent = present.filter((each) => each[platform] !== undefined);
    return sent.length === 0 ? null : sent.filter((each) => each[platform] === each.input).length / sent.length;
  };
  const [legacy, candidate] = [kept('legacy'), kept('new')];
  const share = triples.length === 0 ? 0 : present.length / triples.length;
  const uniqueShare = present.length === 0 ? 0 : unique / present.length;
  const isKept = share === 1 && legacy === 1 && candidate === 1;
  return {
    paths,
    present: share,
    unique: uniqueShare,
    legacy,
    new: candidate,
    fits: [
      ...(isKept && uniqueShare === 1 ? (['correlate'] as const) : []),
      ...(isKept ? (['weightKey'] as const) : []),
    ],
  };
}
