/** Entry of the worker process: from its arguments to its exit code. Its log is JSON lines on stderr. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { pino } from 'pino';
import { readInventoryFile } from '../adapters/inventory-file.ts';
import { MigrationRefusal } from '../adapters/postgres-migrations.ts';
import { formatProblem } from '../core/located-yaml.ts';
import packageJson from '../package.json' with { type: 'json' };
import { analysisOf } from './analysis-of.ts';
import { parseArguments, USAGE, type WorkerArguments } from './arguments.ts';
import { estateOf } from './estate.ts';
import { checkpointLedger } from './ledger-checkpoint.ts';
import { purgeDue } from './retention.ts';
import { startStatusServer } from './status-server.ts';
import { Worker } from './worker.ts';

const EXIT = { done: 0, failed: 1, usage: 2, refused: 3 } as const;

process.stdout.on('error', () => undefined);
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv, process.env);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(`${USAGE}\n`);
      return EXIT.done;
    case 'wrong':
      return end(EXIT.usage, [parsed.message, 'what there is: cutover worker --help']);
    case 'run':
      return run(parsed.value);
  }
}

async function run(options: WorkerArguments): Promise<number> {
  const inventory = await readInventoryFile(options.inventory);
  if (!inventory.ok) return end(EXIT.usage, inventory.problems.map(formatProblem));
  const analysis = await analysisOf(options.project, inventory.value, Date.now, dirname(options.inventory));
  if (!analysis.ok) return end(EXIT.usage, analysis.problems.map(formatProblem));
  const { deployment, target } = inventory.value;
  const estate = estateOf(inventory.value);
  const id = randomUUID();
  const logger = pino(
    { base: { deployment, worker: id.slice(0, 8) }, level: process.env.CUTOVER_LOG_LEVEL ?? 'info' },
    pino.destination({ dest: 2, sync: true }),
  );
  const worker = new Worker({
    identity: { deployment, id, host: hostname(), version: packageJson.version },
    databaseUrl: options.databaseUrl,
    estate,
    analysis: analysis.value,
    definitions: () => analysis.reread(),
    settleMs: options.settleMs,
    logger,
    now: Date.now,
    random: Math.random,
    chores: async (writer) => {
      await purgeDue(writer, { estate, keepDays: options.keepDays, logger, nowMs: Date.now() });
      const { checkpoints, databaseUrl } = options;
      if (checkpoints === null) return;
      const stack = basename(dirname(resolve(options.inventory)));
      const around = { databaseUrl, deployment, stack, target, env: process.env, logger, now: Date.now };
      await checkpointLedger({ ...checkpoints, ...around });
    },
  });
  const server = await startStatusServer(options.host, options.port, () => worker.status());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => worker.stop());
  process.on('SIGHUP', () => worker.reread());
  process.stdout.write(`${JSON.stringify({ ready: true, port: server.port, deployment, worker: id })}\n`);
  try {
    await worker.run();
    return EXIT.done;
  } catch (error) {
    if (error instanceof MigrationRefusal) return end(EXIT.refused, [error.message]);
    throw error;
  } finally {
    server.close();
  }
}

function end(code: number, lines: readonly string[]): number {
  for (const line of lines) process.stderr.write(`cutover worker: ${line}\n`);
  return code;
}
