/** Which class an obligation is in, and whether its pair can be judged. Pure: time is the journal's and comes in. */
import type { OutputCount } from '../core/inventory.ts';
import { otherPlatform } from '../core/platform.ts';
import type { ObligationClass } from '../core/proof-results.ts';
import type { Case, KnownOutput, OpenInput } from './open-input.ts';

/** Worst first: several outputs of one input count as one obligation under their worst class. */
const WORST: readonly ObligationClass[] = ['unexplained', 'destinationRejected', 'decisions', 'pending', 'delivered'];

/**
 * Null: nothing is owed. An input is owed once its primary has answered it positively, or once an output shows that a
 * platform has taken it. `isDue`: what was to come has had its time.
 */
export function classOf(
  input: OpenInput,
  item: Case,
  outputs: OutputCount,
  isDue: boolean,
  owesAlone: boolean,
): ObligationClass | null {
  // An output without a known input is no obligation of its own.
  if (input.msh10 === null) return null;
  const chains = chainsOf(item.outputs.filter(isForDestination));
  const isOwed = input.answer?.verdict === 'positive' || item.outputs.some(isForDestination);
  if (!isOwed) return null;
  const isDelivered = chains.some((chain) => chain.some(({ verdict }) => verdict === 'positive'));
  if (isDelivered && outputs !== 'many') return 'delivered';
  if (item.decision !== null && !isDelivered) return 'decisions';
  if (chains.length > 0) {
    const classes = chains.map((chain) => classOfChain(chain, isDue));
    return WORST.find((one) => classes.includes(one)) ?? 'pending';
  }
  if (!item.applies) return 'filtered';
  // Which connection of a shared feed an input is for only its outputs say, unless a predicate does.
  if (!owesAlone) return null;
  return isDue ? 'unexplained' : 'pending';
}

function classOfChain(chain: readonly KnownOutput[], isDue: boolean): ObligationClass {
  if (chain.some(({ verdict }) => verdict === 'positive')) return 'delivered';
  const newest = chain.at(-1);
  switch (newest?.verdict ?? null) {
    case 'negative':
    case 'other':
      return 'destinationRejected';
    case 'lost':
      // The destination may have it; its platform sends it again.
      return isDue ? 'unexplained' : 'pending';
    default:
      return 'pending';
  }
}

/** A capture that was delivered in the place of another's output has a verdict too. */
function isForDestination({ role, verdict }: KnownOutput): boolean {
  return role === 'deliver' || verdict !== null;
}

/** Attempts of one output together, in order of their first. */
export function chainsOf(outputs: readonly KnownOutput[]): readonly (readonly KnownOutput[])[] {
  const chains = new Map<number, KnownOutput[]>();
  for (const output of outputs) {
    const chain = chains.get(output.first) ?? [];
    chains.set(output.first, chain);
    chain.push(output);
  }
  return [...chains.values()];
}

export type Couple = { readonly control: KnownOutput | null; readonly candidate: KnownOutput | null };

/**
 * The couples to compare, or null while it is too early; empty: nothing came from either platform in its time. The control is who delivered; where nobody did, who had to.
 */
export function couplesOf(
  input: OpenInput,
  item: Case,
  outputs: OutputCount,
  isDue: boolean,
): readonly Couple[] | null {
  const control = item.outputs.find(isForDestination)?.platform ?? item.control;
  const sides = [control, otherPlatform(control)].map((platform) =>
    chainsOf(item.outputs.filter((output) => output.platform === platform)).flatMap((chain) => chain.slice(0, 1)),
  );
  const [controls = [], candidates = []] = sides;
  const isAnswered = input.answer !== null && input.shadowAnswer !== null;
  const isComplete = outputs !== 'many' && controls.length > 0 && candidates.length > 0 && isAnswered;
  if (!isComplete && !isDue) return null;
  const [known, other] = outputs === 'many' ? [controls, candidates] : [controls.slice(0, 1), candidates.slice(0, 1)];
  return Array.from({ length: Math.max(known.length, other.length) }, (_, index) => ({
    control: known[index] ?? null,
    candidate: other[index] ?? null,
  }));
}

/** Nothing more is expected: every output has its end, and every attempt its answer. */
export function isFinished(input: OpenInput, item: Case, outputs: OutputCount): boolean {
  if (input.attempts.some(({ isOpen }) => isOpen) || outputs === 'many') return false;
  const { class: counted, pair } = item.counted;
  const isSettled =
    counted === 'delivered' && item.outputs.every(({ role, verdict }) => role !== 'deliver' || verdict !== null);
  return isSettled && (item.candidate === null || (pair !== null && WAS_COMPARED.has(pair)));
}

export const WAS_COMPARED: ReadonlySet<string> = new Set(['matched', 'accepted', 'differing']);
