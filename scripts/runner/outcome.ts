/** What a run came to, as the document that --json prints: nothing here asks anyone, it only adds up. */
import type { Changed, MoveDocument } from '../../core/documents.ts';
import type { Inventory } from '../../core/inventory.ts';
import type { Plan, PlannedMove, PlanRefusal } from '../../core/plan.ts';
import { controlOf, type Origin } from '../../core/platform.ts';
import { judgeTruth, routeOf, type Truth } from '../../core/truth.ts';
import { nameList } from './name-list.ts';
import { hasMoved, itemOf, type RunState, routeNow } from './run-state.ts';
import { flagsFor } from './selection.ts';
import { EXIT, type ExitCode } from './stop.ts';

type Header = Pick<MoveDocument, 'verb' | 'stack' | 'wallMs' | 'dryRun'>;

export function outcomeOf(run: RunState): MoveDocument {
  const { plan, context } = run;
  const moved = plan.moves.filter((move) => hasMoved(run, move));
  const left = plan.moves.filter((move) => !hasMoved(run, move)).map((move) => explain(run, move));
  const changed = moved.map((move) => toChanged(run, move));
  const aborted = left.filter((one) => one.aborted).map(({ name, message }) => ({ name: name ?? '', message }));
  const failed = left
    .filter((one) => !one.aborted)
    .map(({ name, code, message, next }) => ({ name, code, message, next: [...next] }));
  const onWatch = changed.filter(({ truth }) => truth.agree === null).map(({ name }) => name);
  const disagreeing = changed.filter(({ truth }) => truth.agree === false).map(({ name }) => name);
  const warnings = [...run.warnings, ...differingWarning(plan), ...leftOutWarnings(plan)];
  if (disagreeing.length > 0 && plan.order === 'pulumi-first') {
    warnings.push(`the records of ${nameList(disagreeing)} do not agree with the gateway: cutover sync`);
  }
  const exitCode = exitCodeOf({
    interrupted: context.interruption.aborted && (failed.length > 0 || aborted.length > 0 || run.leftBehind.length > 0),
    changed: changed.length,
    refused: plan.refused.length,
    aborted: aborted.length,
    failed: failed.length + plan.refused.filter(couldNotFindOut).length,
    recordsMissing: plan.order === 'pulumi-first' && (run.leftBehind.length > 0 || disagreeing.length > 0),
  });
  return {
    ...headerOf(run),
    ok: exitCode === EXIT.done,
    exitCode,
    changed,
    refused: plan.refused.map(copyRefusal),
    aborted,
    failed,
    alreadyThere: plan.alreadyThere.map(({ name, route }) => ({ name, route })),
    synced: [...plan.behind],
    onWatch,
    ledger: run.ledgerOutcome,
    warnings,
    nextSteps: nextStepsOf(run, changed, exitCode),
    timings: run.timings,
  };
}

/** Nothing was run: a dry run, a refusal, or nothing to do. */
export function outcomeWithoutRun(header: Header, plan: Plan, inventory: Pick<Inventory, 'connections'>): MoveDocument {
  const isDone = plan.refused.length === 0 || (plan.moves.length > 0 && header.dryRun);
  const exitCode = isDone ? EXIT.done : plan.refused.some(couldNotFindOut) ? EXIT.failed : EXIT.refused;
  return {
    ...header,
    ok: exitCode === EXIT.done,
    exitCode,
    changed: [],
    refused: plan.refused.map(copyRefusal),
    aborted: [],
    failed: [],
    alreadyThere: plan.alreadyThere.map(({ name, route }) => ({ name, route })),
    synced: [],
    onWatch: [],
    plan: planDocument(plan),
    ledger: 'not needed',
    warnings: [...differingWarning(plan), ...leftOutWarnings(plan)],
    nextSteps:
      header.dryRun && plan.moves.length > 0
        ? ['the same command with --yes in place of --dry-run']
        : together(
            plan.refused.flatMap(({ next }) => next),
            (names) => flagsFor(inventory, names),
          ),
  };
}

export function planDocument(plan: Plan): NonNullable<MoveDocument['plan']> {
  const moves = plan.moves.map(({ name, verb, from, to }) => ({ name, verb, from, to }));
  return { order: plan.order, moves, behind: [...plan.behind], steps: plan.steps.map((step) => ({ ...step })) };
}

/** Its gateway did not say how it stands: that is no refusal, and somebody has to look at the gateway. */
function couldNotFindOut({ code }: PlanRefusal): boolean {
  return code === 'unreachable' || code === 'outcome-unknown' || code === 'invalid-answer';
}

export type Tally = {
  readonly interrupted: boolean;
  readonly changed: number;
  readonly refused: number;
  readonly aborted: number;
  readonly failed: number;
  /** A forward move whose records are not where the route is. */
  readonly recordsMissing: boolean;
};

export function exitCodeOf(tally: Tally): ExitCode {
  if (tally.interrupted) return EXIT.interrupted;
  const isWhole = tally.refused + tally.aborted + tally.failed === 0 && !tally.recordsMissing;
  if (isWhole) return EXIT.done;
  if (tally.changed > 0) return EXIT.partly;
  if (tally.failed > 0 || tally.recordsMissing) return EXIT.failed;
  return EXIT.refused;
}

export function truthOf(run: RunState, name: string): Truth {
  const view = run.statuses?.get(name);
  const entry = run.written?.get(name) ?? itemOf(run, name).entry;
  const config = entry === null || entry === 'unknown' ? entry : routeOf(entry);
  const pulumi = run.routes === null ? 'unknown' : (run.routes.get(name) ?? null);
  return judgeTruth({ config, pulumi, status: view?.kind === 'read' ? view.status : null });
}

function toChanged(run: RunState, { name, from, to }: PlannedMove): Changed {
  const answer = run.answers.get(name);
  const { phase, newWeight, epoch } = to;
  return {
    name,
    from,
    to: { phase, newWeight, epoch },
    epoch,
    pauseMs: answer?.pauseMs ?? null,
    heldMessages: answer?.heldMessages ?? null,
    truth: truthOf(run, name),
  };
}

function explain(run: RunState, move: PlannedMove): PlanRefusal & { readonly aborted: boolean } {
  const { name, to } = move;
  const now = routeNow(run, name);
  if (now !== null && now.epoch >= to.epoch) {
    const message = `someone else moved it meanwhile: it is ${now.phase} at epoch ${now.epoch}`;
    return { name, code: 'moved-by-others', message, next: ['cutover history', 'cutover status'], aborted: false };
  }
  const complaint = run.complaints.get(name);
  if (complaint !== undefined) return complaint;
  if (now === null) {
    const view = run.statuses?.get(name);
    const message = view?.kind === 'unavailable' ? view.message : 'its gateway could not be asked afterwards';
    return { name, code: 'outcome-unknown', message, next: ['cutover status'], aborted: false };
  }
  const message = run.context.interruption.aborted
    ? 'interrupted before its move began'
    : 'the update left it out and gave no reason';
  return {
    name,
    code: run.context.interruption.aborted ? 'interrupted' : 'not-moved',
    message,
    next: [`cutover ${run.context.verb} --connection ${name}`],
    aborted: false,
  };
}

function nextStepsOf(run: RunState, changed: readonly Changed[], exitCode: ExitCode): string[] {
  // What bars the others comes before the same command again, which would be refused as before.
  const steps: string[] = run.plan.refused.flatMap(({ next }) => next);
  if (exitCode === EXIT.interrupted || exitCode === EXIT.partly)
    steps.push(`run the same command again: it goes on from what is there`);
  if (run.leftBehind.length > 0) steps.push('cutover sync (when the system that was down is back)');
  if (changed.some(({ truth }) => truth.agree === null))
    steps.push('cutover status (until a message has proven each new epoch)');
  const [first] = changed;
  if (first !== undefined) steps.push(...followUps(first.to.phase, originOf(run, first.name)));
  steps.push(...startsAfter(run, changed));
  return together(steps, (names) => flagsFor(run.context.inventory, names));
}

function originOf({ snapshot }: RunState, name: string): Origin {
  return snapshot.connections.find((item) => item.name === name)?.facts.origin ?? 'feed';
}

/** Without a feed nothing comes before somebody starts what polls at the new owner: this is the moment, and none before. */
function startsAfter(run: RunState, changed: readonly Changed[]): string[] {
  const moved = changed.filter(({ name, to }) => originOf(run, name) === 'platform' && to.phase !== 'decommissioned');
  return [...Map.groupBy(moved, ({ to }) => controlOf(to))].map(
    ([owner, of]) =>
      `now start what polls in ${owner}, and see an output go out: ${nameList(of.map(({ name }) => name))}`,
  );
}

function followUps(phase: Changed['to']['phase'], origin: Origin): string[] {
  switch (phase) {
    case 'legacy':
      return origin === 'feed' ? ['cutover parallel'] : [];
    case 'parallel':
      // In the order of the night: what both platforms make is compared, the gate freezes that, and the move rests on it.
      return [
        ...(origin === 'feed' ? ['cutover compare (once traffic has run)'] : []),
        'cutover gate',
        'cutover switch',
        'cutover cancel',
      ];
    case 'switched':
      return [
        'cutover rollback --reason … (possible until decommission)',
        'cutover decommission (the point of no return)',
      ];
    case 'decommissioned':
      return [];
  }
}

function differingWarning({ differing }: Plan): string[] {
  if (differing.length === 0) return [];
  return [
    `not selected and left as they are, though their entries differ from their gateways: ${nameList(differing)} (cutover sync)`,
  ];
}

function leftOutWarnings({ leftOut }: Plan): string[] {
  return [...Map.groupBy(leftOut, ({ why }) => why)].map(
    ([why, of]) => `left out, ${why}: ${nameList(of.map(({ name }) => name))}`,
  );
}

function headerOf(run: RunState): Header {
  const { context } = run;
  return {
    verb: context.verb,
    stack: context.stack,
    dryRun: false,
    wallMs: Math.round(context.clock.elapsedMs() - run.startedMs),
  };
}

function copyRefusal({ name, code, message, next }: PlanRefusal): MoveDocument['refused'][number] {
  return { name, code, message, next: [...next] };
}

/** Each once; what differs in the connection alone is one command for all of them. */
export function together(steps: readonly string[], say = byName): string[] {
  const ofOne = / --connection ([^\s,]+)(?= |$)/;
  const names = Map.groupBy(new Set(steps), (step) => step.replace(ofOne, ' --connection …'));
  return [...names].map(([command, of]) => {
    const [first = command, ...others] = of;
    if (others.length === 0) return first;
    const all = of.map((step) => ofOne.exec(step)?.[1] ?? '');
    return command.replace('--connection …', say(all));
  });
}

function byName(names: readonly string[]): string {
  return `--connection ${names.join(',')}`;
}
