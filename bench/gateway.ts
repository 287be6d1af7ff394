/**
 * `npm run bench:gateway [-- --feeds 1,16,250 --rounds 7 …]`: what the gateway costs, on this machine, beside what else can
 * stand in its place: throughput, latency and CPU a message with rounds interleaved and ratios taken within a round, the
 * pauses of swaps under load, recovery by size of the journal, memory, what neighbours change. See bench/README.md.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { CHANGE_OVERS } from '../core/platform.ts';
import { compare, comparisonLines } from './gateway/comparison.ts';
import { idleFeeds, idleSockets } from './gateway/idle.ts';
import { linesOf, neighbours } from './gateway/neighbours.ts';
import { namesFor, readOptions } from './gateway/options.ts';
import { pauseFigures, pauseLines, pauses } from './gateway/pauses.ts';
import { killEverything, stopEverything } from './gateway/processes.ts';
import { recovery } from './gateway/recovery.ts';
import { type SoakSample, soak } from './gateway/soak.ts';

const options = readOptions();
const { feedCounts, most, sections, rounds, timing } = options;
const folder = await mkdtemp(join(tmpdir(), 'cutover-bench-'));
const document: Record<string, unknown> = { machine: machine() };
const lines: string[] = [`${machine()}; ${rounds} rounds of ${timing.measureMs} ms after ${timing.warmUpMs} ms`];
let isWrong = false;

// At once and first: the embedded database's own hook ends the process in the same moment.
const interrupted = (exitCode: number): never => {
  killEverything();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(exitCode);
};
process.prependOnceListener('SIGINT', () => interrupted(130));
process.prependOnceListener('SIGTERM', () => interrupted(143));

try {
  if (sections.has('throughput') || sections.has('equal-rate')) for (const feeds of feedCounts) await compared(feeds);
  if (sections.has('pauses')) await paused();
  if (sections.has('recovery')) {
    for (const mib of options.recoveryMib)
      note(`recovery of ${mib} MiB`, await recovery(mib, join(folder, `recovery-${mib}`)));
  }
  if (sections.has('idle')) {
    note('idle', await idleSockets(options.idle, join(folder, 'idle')));
    note('idle feeds', await idleFeeds(options.idle, join(folder, 'idle-feeds')));
  }
  if (sections.has('neighbours')) await besideNeighbours();
  if (sections.has('soak')) {
    const told = (sample: SoakSample): void => progress(JSON.stringify(sample));
    const { figures, wrong } = await soak(options.messages, most, join(folder, 'soak'), told);
    note('soak', figures, wrong);
  }
} finally {
  await stopEverything();
  await rm(folder, { recursive: true, force: true });
}
process.stdout.write(options.json ? `${JSON.stringify(document)}\n` : `${lines.join('\n')}\n`);
// An embedded database's own hook would end it with 0.
if (isWrong || sections.has('neighbours')) process.exit(isWrong ? 1 : 0);

async function compared(feeds: number): Promise<void> {
  const names = await namesFor(feeds, options, (line) => {
    progress(line);
    lines.push(line);
  });
  const [withThroughput, withEqualRate] = [sections.has('throughput'), sections.has('equal-rate')];
  const asked = { feeds, names, folder, timing, rounds, withThroughput, withEqualRate, told: progress };
  const result = await compare(asked);
  add(`${feeds} feeds`, result, comparisonLines(result, rounds), result.wrong);
}

async function paused(): Promise<void> {
  for (const answerMs of options.answersMs) {
    for (const method of CHANGE_OVERS) {
      const place = join(folder, `pauses-${method}-${answerMs}`);
      const report = await pauses({ feeds: most, folder: place, timing, rounds, method, answerMs, told: progress });
      const title = `pauses, ${method}, answers after ${answerMs} ms`;
      add(title, pauseFigures(report, most), pauseLines(report, most), report.wrong);
    }
  }
}

async function besideNeighbours(): Promise<void> {
  const { sliceMs, illMs, ill } = options;
  const place = join(folder, 'neighbours');
  const tables = await neighbours({ feeds: most, folder: place, timing, rounds, sliceMs, illMs, ill, told: progress });
  for (const table of tables) add(`neighbours, ${table.title}`, table, linesOf(table), table.wrong);
}

function add(title: string, figures: object, text: readonly string[], wrong: readonly string[]): void {
  document[title] = figures;
  lines.push('', ...text);
  if (wrong.length > 0) isWrong = true;
}

function note(title: string, figures: object, wrong: readonly string[] = []): void {
  add(title, figures, [title, ...Object.entries(figures).map(([key, value]) => `  ${key}: ${String(value)}`)], wrong);
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
}
