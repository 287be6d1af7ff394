// `node rehearsal/main.ts`, started by `cutover rehearse`: sets the stage, plays the cut-over, counts, says how it went, and
// leaves nothing behind but its report. Exit: 0 green; 1 failed; 2 usage; 3 red; 130 interrupted.
import { rmSync } from 'node:fs';
import { Cleanup } from './cleanup.ts';
import { commandOf, environmentOf } from './environment.ts';
import { type Options, parseOptions } from './options.ts';
import { type Progress, progressOn } from './progress.ts';
import { type Folders, makeFolders } from './project.ts';
import { placeOf, writeBoth } from './report/place.ts';
import { reportHtml } from './report/report.ts';
import { NOTHING_PLAYED, type Played, type RehearsalResult } from './result.ts';
import { Scenario } from './scenario.ts';
import { type Stage, setUp } from './stage.ts';
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
  const startedAt = new Date();
  const startedMs = performance.now();
  const progress = progressOn(process.stderr, startedMs);
  const cleanup = new Cleanup();
  const interrupted = interruption(progress);
  const failed = new AbortController();
  let folders: Folders | null = null;
  let stage: Stage | null = null;
  let scenario: Scenario | null = null;
  let startUpMs = 0;
  let verdict: RehearsalResult['verdict'];
  let played: Played;
  try {
    folders = makeFolders();
    progress.line(`rehearsing in ${folders.root}`);
    const around = { options, progress, cleanup, signal: AbortSignal.any([interrupted, failed.signal]) };
    stage = await setUp(folders, around);
    startUpMs = Math.round(performance.now() - startedMs);
    scenario = new Scenario(stage, around);
    played = await scenario.play();
    verdict = played.reasons.length === 0 ? 'green' : 'red';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    verdict = interrupted.aborted ? 'interrupted' : 'failed';
    const { connections, ratePerSecond } = options;
    const before = scenario?.soFar() ?? { ...NOTHING_PLAYED, connections, ratePerSecond };
    played = { ...before, reasons: [...before.reasons, interrupted.aborted ? 'interrupted' : message] };
    // What else is being started, an engine build for one, need not be waited for.
    failed.abort(error);
  }
  progress.step('clean up');
  for (const failure of await cleanup.run()) progress.line(`could not be ended: ${failure}`);
  progress.end();
  if (folders !== null && !options.keep) rmSync(folders.root, { recursive: true, force: true });
  const { seed, faults } = options;
  const environment = environmentOf(stage, startedAt);
  const command = commandOf(options);
  const result = withReport(options, {
    verdict,
    seed,
    fault: faults.length === 0 ? null : faults.join(','),
    ...played,
    startUpMs,
    environment,
    command,
    report: null,
  });
  if (options.json) print(result);
  const kept = options.keep && folders !== null ? folders.root : null;
  (options.json ? process.stderr : process.stdout).write(summaryText(result, kept));
  return EXIT[result.verdict];
}

/** Where nothing was played there is nothing to report. A report that cannot be written does not change the verdict. */
function withReport(options: Options, result: RehearsalResult): RehearsalResult {
  if (result.steps.length === 0) return result;
  const place = placeOf(options.reportFile, new Date(result.environment.startedAt), process.env);
  const reported = { ...result, report: place.html };
  try {
    writeBoth(place, reportHtml(reported), `${JSON.stringify(reported, null, 2)}\n`);
    return reported;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`the report could not be written: ${reason}\nname another place: --report FILE\n`);
    return result;
  }
}

function notRun(message: string): RehearsalResult {
  const environment = environmentOf(null, new Date());
  const nothing = { seed: '', fault: null, startUpMs: 0, environment, command: 'cutover rehearse', report: null };
  return { verdict: 'failed', ...NOTHING_PLAYED, ...nothing, reasons: [message] };
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
