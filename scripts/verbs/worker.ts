/** `worker`: compares, reconciles and counts what gateways have shipped to PostgreSQL. */
import type { ProcessVerb } from '../runner/verb.ts';

export const worker: ProcessVerb = {
  kind: 'process',
  summary: 'run the proof worker; the rest of the command line is its own',
  examples: ['cutover worker --inventory stacks/local/inventory.yaml'],
  entry: 'proof/main.ts',
};
