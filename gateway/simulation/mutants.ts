/**
 * The fixed list of mutants, a file for each family: each breaks one promise of the engine in one place, and the simulation
 * must notice. The text to replace is found exactly once, or the run fails: the list cannot rot.
 */
import { BOUNDS } from './mutants/bounds.ts';
import { BYTES } from './mutants/bytes.ts';
import { AT_OFFSET, AT_OFFSET_CRASHED } from './mutants/change-over.ts';
import { CREDIT, ENHANCED } from './mutants/credit.ts';
import { DISK, DURABILITY } from './mutants/durability.ts';
import { EPOCHS } from './mutants/epochs.ts';
import { LISTS, REJECTED } from './mutants/lists.ts';
import type { Mutant } from './mutants/mutant.ts';
import { OWNERS, WITHOUT_FEED } from './mutants/ownership.ts';
import { CONNECTIONS } from './mutants/peers.ts';
import { RETRIES } from './mutants/retries.ts';
import { ROLLBACK } from './mutants/rollback.ts';
import { SWAPS } from './mutants/swaps.ts';

export const MUTANTS: readonly Mutant[] = [
  ...BYTES,
  ...LISTS,
  ...DURABILITY,
  ...DISK,
  ...OWNERS,
  ...RETRIES,
  ...CREDIT,
  ...SWAPS,
  ...ROLLBACK,
  ...BOUNDS,
  ...ENHANCED,
  ...CONNECTIONS,
  ...WITHOUT_FEED,
  ...REJECTED,
  ...AT_OFFSET,
  ...AT_OFFSET_CRASHED,
  ...EPOCHS,
];
