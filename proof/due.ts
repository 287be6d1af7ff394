/** Which inputs have had their time, and which connection of a shared feed answers for one that none has an output of. */
import type { Platform } from '../core/platform.ts';
import { type Estate, servedBy } from './estate.ts';
import type { Case, KnownOutput, OpenInput } from './open-input.ts';

export type DueTerms = {
  readonly estate: Estate;
  /** How long after an input last moved what is owed of it may take. */
  readonly graceMs: number;
};

export function isDue({ estate, graceMs }: DueTerms, input: OpenInput, item: Case, nowMs: number): boolean {
  if (input.attempts.some(({ isOpen }) => isOpen)) return false;
  // What the gateway has in its hands is not overdue.
  if (item.outputs.some(({ role, verdict }) => role === 'deliver' && verdict === null)) return false;
  const settleMs = servedBy(estate, item.connection).settleMs ?? 0;
  return nowMs - input.movedAtMs >= Math.max(graceMs, settleMs);
}

/** The other platform has had its copy; before that its output cannot be missing. */
export function isShadowed(input: OpenInput): boolean {
  return input.shadow === null || input.answer?.verdict !== 'positive' || input.shadowAnswer !== null;
}

/**
 * Which connection of a shared feed an input is for, only its outputs say. Where there is none at all, the first that
 * may have it answers for the input, so that it is not lost between them.
 */
export function aloneOwing(estate: Estate, { cases }: OpenInput): Case | null {
  const always = (item: Case): boolean => servedBy(estate, item.connection).owesAlways;
  if (cases.some((item) => item.outputs.length > 0 || (always(item) && item.applies))) return null;
  return cases.find((item) => !always(item)) ?? null;
}

/**
 * On a shared feed: the candidate's output came out at a connection that the control has sent nothing to, and lacks where
 * the control has. It is the same output, at the wrong destination: it is taken from there, and `give` puts it where it is due.
 */
export function redirect(
  terms: DueTerms,
  input: OpenInput,
  nowMs: number,
  give: (own: Case, output: KnownOutput) => void,
): void {
  if (input.cases.length < 2) return;
  const isWaited = (item: Case): boolean => isDue(terms, input, item, nowMs) && item.counted.pair === null;
  const sent = ({ outputs }: Case, platform: Platform | null): boolean =>
    outputs.some((one) => one.platform === platform);
  for (const stray of input.cases) {
    const { candidate, control } = stray;
    if (candidate === null || !sent(stray, candidate) || sent(stray, control) || !isWaited(stray)) continue;
    const own = input.cases.find((item) => sent(item, item.control) && !sent(item, item.candidate) && isWaited(item));
    if (own === undefined) continue;
    for (const output of stray.outputs.splice(0)) give(own, output);
  }
}
