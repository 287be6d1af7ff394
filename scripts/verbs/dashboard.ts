/** `dashboard`: the war room, a local web server that reads; with `--actions` it starts verbs for whoever logs in. */
import type { ProcessVerb } from '../runner/verb.ts';

export const dashboard: ProcessVerb = {
  kind: 'process',
  summary: 'the war room in a browser: is all fine, and if not, what; the rest of the command line is its own',
  examples: ['cutover dashboard --stack production', 'cutover dashboard --port 7480'],
  entry: 'dashboard/main.ts',
};
