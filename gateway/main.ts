/** Entry of the gateway process: binds it to this process's streams and signals. `gateway` is left out of argv. */
import './memory-flags.ts';
import { pino } from 'pino';
import { EXIT } from './ending.ts';
import { runGateway } from './process.ts';
import { startShard } from './shard.ts';
import { giveBackStartGarbage } from './start-garbage.ts';

const STDERR = 2;
/** Log lines that nobody reads are dropped past this, rather than stopping traffic. */
const LOG_LIMIT_BYTES = 4 * 1024 * 1024;

const logTo = pino.destination({ dest: STDERR, sync: false, maxLength: LOG_LIMIT_BYTES });
// Whoever started the process may have closed its end of a pipe; that is no reason to stop serving.
logTo.on('error', () => undefined);
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (problem: unknown) => {
    const [what = '', where = ''] =
      problem instanceof Error ? (problem.stack ?? problem.message).split('\n') : [String(problem)];
    sayError(`cutover gateway: stopped by a defect: ${what} (${where.trim()})`);
    process.exit(EXIT.failed);
  });
}

let endSignals = 0;
const code = await runGateway(process.argv.slice(2), {
  startShard: async (options) => {
    const shard = await startShard(options);
    await giveBackStartGarbage();
    return shard;
  },
  out: (line) => process.stdout.write(`${line}\n`),
  error: sayError,
  logTo,
  onSignal: (handle) => {
    process.on('SIGHUP', () => handle('SIGHUP'));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        endSignals += 1;
        // Someone insists: what is on disk by now is what the journal recovers.
        if (endSignals > 1) process.exit(EXIT.failed);
        handle(signal);
      });
    }
  },
});
flushLog();
process.exit(code);

/** After the log lines that were written before it. */
function sayError(line: string): void {
  flushLog();
  process.stderr.write(`${line}\n`);
}

function flushLog(): void {
  try {
    logTo.flushSync();
  } catch {
    // Nobody reads the log any more.
  }
}
