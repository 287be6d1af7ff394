/** `compare`: whether both platforms send the same, connection by connection, from what the worker has counted. */
import { evidenceFolderOf, storeEvidence } from '../../adapters/evidence-files.ts';
import { DEFAULT_THRESHOLDS } from '../../core/compare/judgement.ts';
import type { CompareDocument } from '../../core/compare-document.ts';
import { examplesOf, showValues, suggest, suggestCorrelation, testRules } from '../compare/modes.ts';
import { formatComparison } from '../compare/print.ts';
import { replay } from '../compare/replay.ts';
import { writeReport } from '../compare/report.ts';
import { historyFeatures } from '../compare/samples.ts';
import { signNamedRule } from '../compare/sign-rule.ts';
import { evidenceBody, projectFolderOf, readStanding, type Standing } from '../compare/standing.ts';
import type { Context } from '../runner/context.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { outputFile } from '../runner/output-file.ts';
import { EXIT, usage } from '../runner/stop.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

const MODES = ['suggest', 'self-test', 'suggest-correlation', 'show-values', 'sign-rule', 'replay'] as const;

export const compare: TaskVerb = {
  kind: 'task',
  summary: 'whether both platforms send the same',
  examples: [
    'cutover compare',
    'cutover compare --wave pilot --report compare.html',
    'cutover compare --rule time-of-sending --json',
    'cutover compare --suggest --connection northside-orders',
    'cutover compare --self-test',
    'cutover compare --sign-rule glucose-format --key ~/.ssh/id_ed25519',
    'cutover compare --replay old --to test-engine:6661 --capture 7001 --connection northside-orders',
  ],
  flags: [
    ...SELECTION_FLAGS,
    ...MODES,
    'rule',
    'min-pairs',
    'history',
    'samples',
    'key',
    'to',
    'capture',
    'twice',
    'within',
    'report',
    'freeze',
    'reason',
    'json',
  ],
  check: (args) => {
    const given = MODES.filter((mode) => args[mode] !== undefined);
    if (given.length > 1) {
      throw usage(`--${given[0]} and --${given[1]} exclude each other`, 'cutover compare --help');
    }
  },
  selectsAll: true,
  perform,
};

async function perform(context: Context, args: Args): Promise<Printed> {
  if (args.suggest === true) return suggest(context);
  if (args['self-test'] === true) return testRules(context, args);
  if (args['suggest-correlation'] === true) return suggestCorrelation(context);
  if (args['show-values'] !== undefined) return showValues(context, args);
  if (args['sign-rule'] !== undefined) return signNamedRule(context, args);
  if (args.replay !== undefined) return replay(context, args);
  return judge(context, args);
}

async function judge(context: Context, args: Args): Promise<Printed> {
  const report = args.report === undefined ? null : outputFile(context, 'report', args.report);
  const thresholds = { ...DEFAULT_THRESHOLDS, pairs: args['min-pairs'] ?? DEFAULT_THRESHOLDS.pairs };
  const history = args.history === undefined ? new Map() : await historyFeatures(context, args.history);
  const standing = narrowed(await readStanding(context, thresholds, history), args.rule);
  const isGreen = standing.connections.length > 0 && standing.connections.every(({ verdict }) => verdict === 'green');
  let document: CompareDocument = {
    verb: 'compare',
    ok: isGreen,
    exitCode: isGreen ? EXIT.done : EXIT.refused,
    verdict: isGreen ? 'green' : 'red',
    stack: context.stack,
    deployment: context.inventory.deployment,
    at: context.clock.now(),
    ...standing,
    nextSteps: nextStepsOf(standing),
  };
  if (args.freeze === true) {
    const folder = evidenceFolderOf(projectFolderOf(context), context.stack);
    const frozen = await storeEvidence(folder, {
      kind: 'comparison',
      deployment: document.deployment,
      stack: document.stack,
      at: document.at,
      connections: document.connections.map(({ name }) => name),
      body: evidenceBody(document),
    });
    document = { ...document, evidence: frozen.digest };
  }
  if (report !== null) {
    document = { ...document, report };
    await writeReport(report, document, await examplesOf(context, document.shapes));
  }
  return { document, text: formatComparison(document), exitCode: isGreen ? EXIT.done : EXIT.refused };
}

/** Of one rule: what it hides and where. Throws a VerbStop for a rule that nobody has written. */
function narrowed(standing: Standing, name: string | undefined): Standing {
  if (name === undefined) return standing;
  const rule = standing.rules.find((each) => each.name === name);
  if (rule === undefined) {
    throw usage(`there is no rule '${name}' in stacks/rules`, 'cutover compare lists them with what they hide');
  }
  const isOf = (each: { readonly rule?: string | undefined }): boolean => each.rule === name;
  return {
    ...standing,
    rules: [rule],
    shapes: standing.shapes.filter(isOf),
    connections: standing.connections.map((each) => ({ ...each, differences: each.differences.filter(isOf) })),
  };
}

function nextStepsOf({ connections, worker, shapes }: Standing): string[] {
  const steps: string[] = [];
  if (worker.verdict === 'red') steps.push('cutover worker --inventory FILE (starts one, where none runs)');
  if (shapes.some(({ rule }) => rule === undefined)) {
    steps.push('correct the mapping of the new platform, or accept what does no harm: cutover compare --suggest');
  }
  const isUnasked = connections.some(({ reasons }) => reasons.some((reason) => reason.startsWith('its gateway')));
  if (isUnasked) steps.push('cutover status (says why a gateway cannot be asked)');
  return steps;
}
