/** The gateway process as it is, but for its journal: small segments, and room for a few of them only. For tests of a full disk. */
import { pino } from 'pino';
import { runGateway } from '../process.ts';
import { startShard } from '../shard.ts';

const KIB = 1024;
const JOURNAL = { segmentBytes: 128 * KIB, limitBytes: 16 * 128 * KIB, keepBytes: 1024 ** 3 };

process.exit(
  await runGateway(process.argv.slice(2), {
    startShard: (options) => startShard({ ...options, journal: JOURNAL }),
    out: (line) => void process.stdout.write(`${line}\n`),
    error: (line) => void process.stderr.write(`${line}\n`),
    logTo: pino.destination({ dest: process.stderr.fd, sync: true }),
    onSignal: (handle) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => handle(signal));
    },
  }),
);
