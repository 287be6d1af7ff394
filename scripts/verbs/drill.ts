/** `drill`: the drain of a switch rehearsed on live traffic without a move, or with --really a switch and the way back. */

import { evidenceFolderOf, storeEvidence } from '../../adapters/evidence-files.ts';
import { LedgerUnavailable } from '../../adapters/ledger.ts';
import { counted } from '../../core/count-words.ts';
import type { DrillDocument } from '../../core/drill-document.ts';
import { parseDurationMs } from '../../core/duration.ts';
import { spreadOf } from '../../core/percentile.ts';
import { type Cycle, drillCycle } from '../drill/cycle.ts';
import { drillDrains } from '../drill/drain.ts';
import { formatDrill } from '../drill/print.ts';
import type { Context } from '../runner/context.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { LEASE_WAIT_MS, takeLease } from '../runner/lease.ts';
import { LedgerSession } from '../runner/ledger-session.ts';
import { nameList } from '../runner/name-list.ts';
import { EXIT, type ExitCode, usage, VerbStop } from '../runner/stop.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

const DEFAULT_WATCH = '10s';
const MOST_AT_ONCE = 250;

export const drill: TaskVerb = {
  kind: 'task',
  summary: 'rehearse drains on live traffic without a move, or on test connections a switch and the way back',
  examples: [
    'cutover drill --wave pilot',
    'cutover drill --all --wait 2m --json',
    'cutover drill --connection test-orders,test-results --really --yes',
  ],
  flags: [...SELECTION_FLAGS, 'wait', 'really', 'reason', 'change-id', 'yes', 'json', 'parallel', 'no-commit'],
  selectsAll: false,
  check: (args) => {
    if (args.wait !== undefined && parseDurationMs(args.wait) === null)
      throw usage(`--wait is '${args.wait}'; it must be a duration such as 10s or 2m`, 'cutover drill … --wait 30s');
    if (args.really !== true) return;
    const example = 'cutover drill --connection test-orders --really --yes';
    if (args.connection === undefined || args.connection.length === 0)
      throw usage('--really moves connections: name them with --connection, and take test connections', example);
    if (args.yes !== true) throw usage('--really moves connections: it needs --yes', example);
  },
  perform,
};

async function perform(asked: Context, args: Args): Promise<Printed> {
  const { context, warnings } = onlyWithFeed(asked, args);
  const startedAt = context.clock.now();
  const startedMs = context.clock.elapsedMs();
  const watchMs = parseDurationMs(args.wait ?? DEFAULT_WATCH) ?? 0;
  const kind = args.really === true ? 'cycle' : 'drain';
  const played = kind === 'cycle' ? await drillCycle(context, args, watchMs) : await drainsOnly(context, args, watchMs);
  const { connections } = played;
  const exitCode = exitCodeOf(context, played);
  const figures: Figures = {
    kind,
    connections: [...connections],
    cycle: [...played.legs],
    pauseMs: spreadOf(connections.flatMap(({ pauseMs }) => pauseMs ?? [])),
  };
  const frozen = await freeze(context, figures);
  const ledger = await record(context, args, { ...figures, evidence: frozen.digest });
  const document: DrillDocument = {
    verb: 'drill',
    ok: exitCode === EXIT.done,
    exitCode,
    stack: context.stack,
    deployment: context.inventory.deployment,
    operator: context.operator,
    startedAt,
    ...figures,
    evidence: frozen.digest,
    ledger: ledger.outcome,
    warnings: [...warnings, ...played.warnings, ...frozen.warnings, ...ledger.warnings],
    nextSteps: [...new Set([...played.nextSteps, ...nextStepsOf(connections)])],
    wallMs: Math.round(context.clock.elapsedMs() - startedMs),
  };
  return { document, text: formatDrill(document), exitCode };
}

/** Without a feed there is nothing to hold and nobody who waits: stopping and starting is rehearsed at the platforms. */
function onlyWithFeed(asked: Context, args: Args): { readonly context: Context; readonly warnings: readonly string[] } {
  const selected = asked.selected.filter(({ origin }) => origin === 'feed');
  const without = asked.selected.filter(({ origin }) => origin === 'platform').map(({ name }) => name);
  if (without.length === 0) return { context: asked, warnings: [] };
  const message = `origin: platform, so nothing is drilled: ${nameList(without)}`;
  const next = [`cutover attest --what stop-and-start --by NAME --reason TEXT --connection ${without.join(',')}`];
  if (selected.length === 0 || args.really === true)
    throw new VerbStop(EXIT.refused, { code: 'no-feed', message, next });
  return { context: { ...asked, selected }, warnings: [message, ...next] };
}

/** Under the lease: a drain must not meet a switch. */
async function drainsOnly(context: Context, args: Args, watchMs: number): Promise<Cycle> {
  const { terminal, selected } = context;
  const lease = await takeLease(context, { skipUnreachable: false, evenIfHeld: false, waitMs: LEASE_WAIT_MS });
  try {
    terminal.progress(
      `drill: ${counted(selected.length, 'connection')}; each feed is watched, held, drained and released`,
    );
    const connections = await drillDrains(context, {
      watchMs,
      width: args.parallel ?? MOST_AT_ONCE,
      onDone: (done, of) => terminal.progress(`  ${done} of ${counted(of, 'feed')}`),
    });
    return { connections, legs: [], warnings: [], nextSteps: [] };
  } finally {
    await lease.release();
  }
}

type Figures = Pick<DrillDocument, 'kind' | 'connections' | 'cycle' | 'pauseMs'>;

/** What a gate rests on later. Where it cannot be written the figures are still told. */
async function freeze(
  { project, stack, inventory, clock, interruption }: Context,
  figures: Figures,
): Promise<{ readonly digest: string | null; readonly warnings: readonly string[] }> {
  if (project === null) return { digest: null, warnings: [] };
  // What was cut short has failed at nothing, and the newest evidence of its kind is what the gate goes by.
  if (figures.kind === 'drain' && interruption.aborted)
    return { digest: null, warnings: ['interrupted: no evidence was kept of this drill'] };
  try {
    const { digest } = await storeEvidence(evidenceFolderOf(project.folder, stack), {
      kind: figures.kind === 'cycle' ? 'drill' : 'drain-rehearsal',
      deployment: inventory.deployment,
      stack,
      at: clock.now(),
      connections: figures.connections.map(({ name }) => name),
      body: { ...figures },
    });
    return { digest, warnings: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { digest: null, warnings: [`no evidence was kept of this drill: ${reason}`] };
  }
}

/** A ledger that cannot be written takes nothing from what was measured: it is said. */
async function record(
  context: Context,
  args: Args,
  figures: Figures & { readonly evidence: string | null },
): Promise<{ readonly outcome: DrillDocument['ledger']; readonly warnings: readonly string[] }> {
  const session = await LedgerSession.open(context, args);
  try {
    const { availability } = session;
    if (availability.kind === 'not-configured') return { outcome: 'not configured', warnings: [] };
    if (availability.kind === 'unavailable') throw new LedgerUnavailable(availability.message);
    await session.record('result', { drill: { ...figures } });
    return { outcome: 'recorded', warnings: [] };
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    return { outcome: 'behind', warnings: [`the drill is not in the ledger: ${error.message}`] };
  } finally {
    await session.close();
  }
}

function exitCodeOf(context: Context, { connections, legs }: Cycle): ExitCode {
  if (context.interruption.aborted) return EXIT.interrupted;
  if (connections.length > 0 && connections.every(({ verdict }) => verdict === 'passed')) return EXIT.done;
  const changed = legs.reduce((sum, leg) => sum + (leg.verb === 'switch' ? leg.changed : -leg.changed), 0);
  if (changed !== 0) return EXIT.partly;
  return EXIT.refused;
}

function nextStepsOf(connections: Cycle['connections']): string[] {
  const steps: string[] = [];
  if (connections.some(({ verdict }) => verdict === 'failed')) steps.push('cutover status');
  if (connections.some(({ verdict }) => verdict === 'idle'))
    steps.push('drill the idle ones again when they have traffic, or with a longer --wait');
  return steps;
}
