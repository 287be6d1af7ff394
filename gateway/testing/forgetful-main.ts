/**
 * The gateway process as it is, but for its disk: what is not synced when it is killed is lost, or there in part. For the
 * chaos tests, which start it in place of `gateway/main.ts`.
 */
import { pino } from 'pino';
import { forgetfulFiles } from '../journal/forgetful-files.ts';
import { runGateway } from '../process.ts';
import { startShard } from '../shard.ts';

/** A sector in so many reaches the disk before its sync. */
const LEAKS = 0.2;
/** Small, so that kills meet segments that end and begin. */
const SEGMENT_BYTES = 128 * 1024;
const KEEP_BYTES = 1024 ** 3;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

process.exit(
  await runGateway(process.argv.slice(2), {
    startShard: (options) => {
      const files = forgetfulFiles({ leaks: LEAKS, random: Math.random });
      return startShard({ ...options, journal: { segmentBytes: SEGMENT_BYTES, keepBytes: KEEP_BYTES, files } });
    },
    out: (line) => void process.stdout.write(`${line}\n`),
    error: say,
    logTo: pino.destination({ dest: process.stderr.fd, sync: true }),
    onSignal: (handle) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => handle(signal));
    },
  }),
);
