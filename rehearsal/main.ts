// `node rehearsal/main.ts`, started by `cutover rehearse`: sets the stage, plays the cut-over, counts, says how it went, and
// leaves nothing behind. Exit: 0 green; 1 failed; 2 usage; 3 red; 130 interrupted.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cleanup } from './cleanup.ts';
import { type Options, parseOptions } from './options.ts';
import { type Progress, progressOn } from './progress.ts';
import { type Folders, makeFolders } from './project.ts';
import { NOTHING_PLAYED, type Played, type RehearsalResult } from './result.ts';
import { Scenario } from './scenario.ts';
import { setUp } from './stage.ts';
import { summaryText } from './summary.ts';

const EXIT = { green: 0, failed: 1, usage: 2, red: 3, interrupted: 130 } as const;

process.exitCode = await main();

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(parsed.text);
      return EXIT.green;
    case 'usage':
      process.stderr.write(`${parsed.message}\ncutover rehearse --help\n`);
      if (parsed.json) print(notRun(parsed.message));
      return EXIT.usage;
    case 'run':
      return perform(parsed.options);
  }
}

async function perform(options: Options): Promise<number> {
  const progress = progressOn(process.stderr, performance.now());
  const cleanup = new Cleanup();
  const interrupted = interruption(progress);
  const failed = new AbortController();
  let folders: Folders | null = null;
  let scenario: Scenario | null = null;
  const notPlayed: Played = {
    ...NOTHING_PLAYED,
    connections: options.connections,
    ratePerSecond: options.ratePerSecond,
  };
  let outcome: { verdict: RehearsalResult['verdict']; played: Played };
  try {
    folders = makeFolders();
    progress.line(`rehearsing in ${folders.root}`);
    const around = { options, progress, cleanup, signal: AbortSignal.any([interrupted, failed.signal]) };
    const stage = await setUp(folders, around);
    scenario = new Scenario(stage, around);
    const played = await scenario.play();
    outcome = { verdict: played.reasons.length === 0 ? 'green' : 'red', played };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const reasons = [interrupted.aborted ? 'interrupted' : message];
    outcome = {
      verdict: interrupted.aborted ? 'interrupted' : 'failed',
      played: { ...(scenario?.soFar() ?? notPlayed), reasons },
    };
    // What else is being started, an engine build for one, need not be waited for.
    failed.abort(error);
  }
  for (const failure of await cleanup.run()) progress.line(`could not be ended: ${failure}`);
  const result = toResult(options, outcome, options.keep ? folders : null);
  if (folders !== null && !options.keep) rmSync(folders.root, { recursive: true, force: true });
  if (options.json) print(result);
  else process.stdout.write(summaryText(result));
  return EXIT[result.verdict];
}

function toResult(
  options: Options,
  outcome: { verdict: RehearsalResult['verdict']; played: Played },
  kept: Folders | null,
): RehearsalResult {
  const { verdict, played } = outcome;
  const report = kept === null ? null : join(kept.root, 'rehearsal.json');
  const { seed, fault } = options;
  const result = { verdict, seed, fault, ...played, report };
  if (report !== null) writeFileSync(report, `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

function notRun(message: string): RehearsalResult {
  const played = { ...NOTHING_PLAYED, reasons: [message] };
  return { verdict: 'failed', seed: '', fault: null, ...played, report: null };
}

/** The first Ctrl-C ends the rehearsal in order; everything started is ended, then it exits 130. */
function interruption(progress: Progress): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      progress.line(
        controller.signal.aborted ? 'already ending; everything started is being ended' : `${name}: ending`,
      );
      controller.abort(new Error('interrupted'));
    });
  }
  return controller.signal;
}

function print(document: object): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
