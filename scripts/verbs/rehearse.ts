/** `rehearse`: the whole way on this machine, with simulated parties, and an independent count at the ends. */
import type { ProcessVerb } from '../runner/verb.ts';

export const rehearse: ProcessVerb = {
  kind: 'process',
  summary: 'go the whole way with simulated parties; the rest of the command line is its own',
  examples: ['cutover rehearse', 'cutover rehearse --connections 20 --json'],
  entry: 'rehearsal/main.ts',
};
