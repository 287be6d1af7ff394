/** Rows of the proof store that its readers and its writer both read. */
import { z } from 'zod';
import { PHASES } from '../core/platform.ts';

const count = z.coerce.number();

export const routeRow = z.object({
  connection: z.string(),
  epoch: z.int(),
  phase: z.enum(PHASES),
  new_weight: z.int(),
  forced: z.boolean(),
  at_ms: count,
});
