/** `gateway`: serves the feeds of one shard (or `gateway init` gives birth to its data directory). */
import type { ProcessVerb } from '../runner/verb.ts';

export const gateway: ProcessVerb = {
  kind: 'process',
  summary: 'run a gateway; the rest of the command line is its own',
  examples: [
    'cutover gateway init --inventory stacks/local/inventory.yaml --data-dir DIR',
    'cutover gateway move-out --feed lis-results --to 1 --inventory F --data-dir DIR --file lis-results.move',
    'cutover gateway --inventory stacks/local/inventory.yaml --data-dir DIR --admin-port 7443',
  ],
  entry: 'gateway/main.ts',
};
