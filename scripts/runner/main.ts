/** The command line of this process, run to its exit code. */

import { VERBS } from '../verbs/index.ts';
import { runCommand } from './command.ts';
import { EXIT } from './stop.ts';
import { processTerminal } from './terminal.ts';

// A library's deprecation (zx, where an interruption ends a process) is nothing that an operator can act on.
if (process.env.CUTOVER_DEBUG === undefined) process.noDeprecation = true;

const interruption = new AbortController();
const terminal = processTerminal();
const argv = process.argv.slice(2);
const isProcessVerb = argv[0] !== undefined && Object.hasOwn(VERBS, argv[0]) && VERBS[argv[0]]?.kind === 'process';

if (!isProcessVerb) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interruption.signal.aborted) process.exit(EXIT.interrupted);
      terminal.warn('interrupted: what is in flight is finished first (again: leave at once)');
      interruption.abort();
    });
  }
}

process.exitCode = await runCommand(VERBS, argv, {
  cwd: process.cwd(),
  env: process.env,
  terminal,
  interruption: interruption.signal,
});
