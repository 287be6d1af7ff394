/**
 * How every verb that changes routes goes: lease, snapshot, decide, Plan, the Plan's steps in order, result. The verb
 * itself only decides.
 */
import { counted } from '../../core/count-words.ts';
import type { MoveDocument } from '../../core/documents.ts';
import { SAY_EFFECTS } from '../../core/effects-words.ts';
import type { Plan, Snapshot } from '../../core/plan.ts';
import { type Context, closeContext, openContext, type Surroundings } from './context.ts';
import type { Args } from './flags.ts';
import { LEASE_WAIT_MS, takeLease } from './lease.ts';
import { LedgerSession } from './ledger-session.ts';
import { listMoves } from './list-moves.ts';
import { nameList } from './name-list.ts';
import { outcomeOf, outcomeWithoutRun } from './outcome.ts';
import { throwIfInterrupted } from './pause.ts';
import { formatMoveDocument } from './print-move.ts';
import { PulumiSession } from './pulumi-session.ts';
import { readQuietStatuses } from './quiet.ts';
import { leaveBehind, type RunState } from './run-state.ts';
import { assembleSnapshot, readRoutes, readStatuses, type Statuses } from './snapshot.ts';
import { STEPS } from './steps.ts';
import { EXIT, usage, VerbStop } from './stop.ts';
import { tellOfMove } from './tell-others.ts';
import type { MoveVerb, Printed } from './verb.ts';

const SKIPPED = { kind: 'skipped' } as const;

type Sessions = { pulumi: PulumiSession | null; ledger: LedgerSession | null };
type Taken = { readonly snapshot: Snapshot; readonly statuses: Statuses; readonly routes: RunState['routes'] };

export async function runMove(name: string, verb: MoveVerb, args: Args, around: Surroundings): Promise<Printed> {
  verb.check?.(args);
  const isDryRun = args['dry-run'] === true;
  if (
    !isDryRun &&
    args.yes !== true &&
    verb.confirm !== 'nothing' &&
    (!around.terminal.isInteractive || args.json === true)
  ) {
    throw usage(
      `'${name}' changes routes: without a terminal it needs --yes`,
      `cutover ${name} … --yes`,
      `cutover ${name} … --dry-run`,
    );
  }
  const isRollback = verb.order === 'gateways-first';
  const context = await openContext(name, args, around, { selectsAll: false, withoutStackFile: isRollback });
  const sessions: Sessions = { pulumi: null, ledger: null };
  let release = async (): Promise<void> => undefined;
  try {
    const startedMs = context.clock.elapsedMs();
    if (!isDryRun) {
      const evenIfHeld = isRollback && args.force === true;
      const lease = await takeLease(context, { skipUnreachable: isRollback, evenIfHeld, waitMs: LEASE_WAIT_MS });
      release = lease.release;
    }
    let taken = isRollback ? await askGateways(context) : await takeSnapshot(context, args, sessions);
    let verdict = verb.decide(taken.snapshot, args);
    if (isRollback && !isDryRun && verdict.kind === 'plan' && verdict.plan.moves.length === 0) {
      // Nothing is urgent: what an interrupted rollback left behind in the other systems is looked for and brought up.
      taken = await takeSnapshot(context, args, sessions);
      verdict = verb.decide(taken.snapshot, args);
    }
    if (verdict.kind === 'plan' && verb.preflight !== undefined) {
      const barred = await verb.preflight(context, verdict.plan);
      if (barred.size > 0) verdict = verb.decide({ ...taken.snapshot, barred }, args);
    }
    if (verdict.kind === 'refused') throw new VerbStop(EXIT.failed, verdict.refusal);
    const { plan } = verdict;
    warnOfUnknownEffects(context, plan);
    const header = {
      verb: name,
      stack: context.stack,
      dryRun: isDryRun,
      wallMs: Math.round(context.clock.elapsedMs() - startedMs),
    };
    if (isDryRun || plan.steps.length === 0) return printed(outcomeWithoutRun(header, plan, context.inventory));
    await confirm(context, verb, args, plan);
    const run = newRun(context, args, taken, plan, startedMs, sessions);
    try {
      await execute(run);
    } finally {
      Object.assign(sessions, { pulumi: run.pulumi, ledger: run.ledger });
    }
    const document = outcomeOf(run);
    return { ...printed(document), afterwards: () => tellOfMove(context, document) };
  } finally {
    await release();
    await sessions.ledger?.close();
    await closeContext(context);
  }
}

/** A rollback asks the gateways only: what else is there must not delay it. */
async function askGateways(context: Context): Promise<Taken> {
  const statuses = await readStatuses(context);
  const records = { pulumi: SKIPPED, routes: null, ledger: null };
  return { statuses, routes: null, snapshot: assembleSnapshot(context, statuses, records) };
}

async function takeSnapshot(context: Context, args: Args, sessions: Sessions): Promise<Taken> {
  const openPulumi = async (): ReturnType<typeof readRoutes> => {
    if (args['dry-run'] === true) return { pulumi: SKIPPED, routes: null };
    context.terminal.progress('reading the gateways, the Pulumi state and the ledger');
    const opened = await PulumiSession.open(context);
    if (opened.ok) sessions.pulumi = opened.value;
    return readRoutes(sessions.pulumi, opened.ok ? SKIPPED : { kind: 'unavailable', message: opened.message });
  };
  const openLedger = async (): Promise<LedgerSession> => {
    const session = await LedgerSession.open(context, args);
    sessions.ledger = session;
    return session;
  };
  const [statuses, state, ledger] = await Promise.all([readQuietStatuses(context), openPulumi(), openLedger()]);
  throwIfInterrupted(context.interruption);
  return { statuses, routes: state.routes, snapshot: assembleSnapshot(context, statuses, { ...state, ledger }) };
}

function newRun(
  context: Context,
  args: Args,
  taken: Taken,
  plan: Plan,
  startedMs: number,
  sessions: Sessions,
): RunState {
  return {
    context,
    args,
    snapshot: taken.snapshot,
    plan,
    startedMs,
    pulumi: sessions.pulumi,
    opening: null,
    ledger: sessions.ledger,
    copyText: null,
    hadUncommittedChanges: false,
    complaints: new Map(),
    answers: new Map(),
    records: new Map(),
    statuses: null,
    routes: taken.routes,
    written: null,
    ledgerOutcome: context.env.DATABASE_URL ? 'recorded' : 'not configured',
    checkpointFiles: [],
    nightFile: null,
    leftBehind: [],
    warnings: [],
    timings: [{ step: 'snapshot', wallMs: Math.round(context.clock.elapsedMs() - startedMs) }],
  };
}

/** Before the point of no return an interruption or a failure ends the run; after it every step is still done. */
async function execute(run: RunState): Promise<void> {
  const turn = run.plan.steps.findIndex((step) => step.pointOfNoReturn);
  for (const [index, step] of run.plan.steps.entries()) {
    const isBeforeChange = turn === -1 || index <= turn;
    if (isBeforeChange) throwIfInterrupted(run.context.interruption);
    run.context.terminal.progress(`[${index + 1}/${run.plan.steps.length}] ${step.kind}: ${step.what}`);
    try {
      await timed(run, step.kind, () => STEPS[step.kind](run));
    } catch (error) {
      if (index < turn || error instanceof VerbStop) throw error;
      leaveBehind(run, `'${step.what}' failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function timed(run: RunState, step: string, work: () => Promise<void>): Promise<void> {
  const startedMs = run.context.clock.elapsedMs();
  try {
    await work();
  } finally {
    run.timings.push({ step, wallMs: Math.round(run.context.clock.elapsedMs() - startedMs) });
  }
}

/** A copy of a message does twice whatever else the channels do. Nobody having said what that is refuses nothing: the gate does. */
function warnOfUnknownEffects({ selected, terminal, inventoryPath }: Context, plan: Plan): void {
  if (plan.verb !== 'parallel') return;
  const moved = new Set(plan.moves.map(({ name }) => name));
  const names = selected.flatMap(({ name, effectsAreKnown }) => (moved.has(name) && !effectsAreKnown ? [name] : []));
  if (names.length === 0) return;
  const what = `nobody has said whether the channels of ${nameList(names)} do anything else (mail, files, tables)`;
  terminal.warn(`${what}: both platforms would do it`);
  terminal.progress(`  in ${inventoryPath}: ${SAY_EFFECTS}`);
}

/** At the point of no return the person types what it is about. */
function wavesOf({ selected }: Context, plan: Plan): string {
  const waves = plan.moves.map(({ name }) => selected.find((item) => item.name === name)?.wave ?? '');
  return [...new Set(waves)].sort().join(',');
}

async function confirm(context: Context, verb: MoveVerb, args: Args, plan: Plan): Promise<void> {
  if (verb.confirm === 'nothing' || plan.moves.length === 0) return;
  if (args.yes === true) return confirmedByFlag(context, verb, args, plan);
  const { terminal, interruption, stack } = context;
  const count = counted(plan.moves.length, 'connection');
  for (const line of listMoves(plan.moves, context.selected)) terminal.show(line);
  for (const { name, message } of plan.refused) terminal.warn(`${name} is left out: ${message}`);
  const expected = verb.confirm === 'typed' ? wavesOf(context, plan) : 'yes';
  const warning = verb.confirm === 'typed' ? ' cannot be undone.' : '?';
  const answer = await terminal
    .ask(`${context.verb} ${count} of ${stack}${warning} Type '${expected}': `, interruption)
    .catch(() => '');
  throwIfInterrupted(interruption);
  if (answer === expected) return;
  throw new VerbStop(EXIT.refused, { code: 'not-confirmed', message: 'not confirmed; nothing was changed', next: [] });
}

/** In production no --yes in a script gives up the way back: the name comes with it. */
function confirmedByFlag(context: Context, verb: MoveVerb, args: Args, plan: Plan): void {
  if (verb.confirm !== 'typed' || (args.confirm === undefined && context.inventory.target === 'local')) return;
  const expected = wavesOf(context, plan);
  if (args.confirm === expected) return;
  const message =
    args.confirm === undefined
      ? `${context.verb} cannot be undone: with --yes it needs the name of the wave, and nothing was changed`
      : `--confirm is '${args.confirm}', and this is wave ${expected}: nothing was changed`;
  throw new VerbStop(EXIT.refused, { code: 'not-confirmed', message, next: [`--yes --confirm ${expected}`] });
}

function printed(document: MoveDocument): Printed {
  return { document, text: formatMoveDocument(document), exitCode: exitOf(document) };
}

function exitOf({ exitCode }: MoveDocument): Printed['exitCode'] {
  const found = Object.values(EXIT).find((code) => code === exitCode);
  return found ?? EXIT.failed;
}
