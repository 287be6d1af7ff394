/** How each step of a Plan is done. A step that a rerun would repeat leaves nothing half-written. */

import { dirname } from 'node:path';
import type { GatewayClient } from '../../adapters/gateway-admin.ts';
import { commitFiles, hasUncommittedChanges } from '../../adapters/git.ts';
import { LedgerUnavailable } from '../../adapters/ledger.ts';
import { editEntries, editFile, readStackFile, renameEntries, whyNotReplaceable } from '../../adapters/stack-file.ts';
import type { NewestEpoch } from '../../core/admin-api.ts';
import { counted } from '../../core/count-words.ts';
import { renamedOf } from '../../core/former-names.ts';
import type { StepKind } from '../../core/plan.ts';
import type { RouteEntry } from '../../core/stack-config.ts';
import { isSameRoute } from '../../core/truth.ts';
import type { Context } from './context.ts';
import { observedEntry, wishedEntry } from './entries.ts';
import { resultBody } from './ledger-body.ts';
import { LedgerSession } from './ledger-session.ts';
import { moveAtGateways } from './move-at-gateways.ts';
import { nameList } from './name-list.ts';
import { noteSwitched } from './night.ts';
import { collectComplaints } from './pulumi-complaints.ts';
import { type Opened, PulumiSession } from './pulumi-session.ts';
import {
  hasMoved,
  itemOf,
  leaveBehind,
  type OpenedPulumi,
  type RunState,
  recordedNames,
  requestIdOf,
  routeNow,
  touchedNames,
} from './run-state.ts';
import { readStatuses } from './snapshot.ts';
import { EXIT, VerbStop } from './stop.ts';
import { watchMoves } from './watch-moves.ts';

const MOST_PARALLEL = 250;
const MOVE_DEADLINE_MS = 60_000;

export const STEPS: Readonly<Record<StepKind, (run: RunState) => Promise<void>>> = {
  'ledger-epochs': ledgerEpochs,
  'ledger-intent': ledgerIntent,
  'config-copy': configCopy,
  'pulumi-up': pulumiUp,
  'gateway-moves': moveAtGateways,
  'read-back': readBack,
  'stack-file': stackFile,
  'pulumi-heal': pulumiHeal,
  'ledger-result': ledgerResult,
  commit,
};

async function ledgerEpochs(run: RunState): Promise<void> {
  run.ledger ??= await LedgerSession.open(run.context, run.args);
  if (run.ledger.availability.kind === 'unavailable') {
    run.ledgerOutcome = 'behind';
    leaveBehind(run, `the ledger is left behind: ${run.ledger.availability.message}`);
    return;
  }
  if (run.ledger.availability.kind === 'not-configured') return;
  await recordOrLeave(run, () => bringUp(run));
}

async function ledgerIntent(run: RunState): Promise<void> {
  const moves = run.plan.moves.map(({ name, verb, from, to, approval }) => ({ name, verb, from, to, approval }));
  await recordOrLeave(run, async () => run.ledger?.record('intent', { moves }));
}

async function configCopy(run: RunState): Promise<void> {
  await mustBeReplaceable(run);
  // Before Pulumi writes its salt into it.
  run.hadUncommittedChanges = await hasUncommittedChanges(run.context.stackPath);
  const stack = await run.pulumi?.ensureStack();
  if (stack?.ok === false) {
    const next = ['bring the Pulumi backend back', 'cutover rollback works without it'];
    throw new VerbStop(EXIT.failed, { code: 'pulumi-unavailable', message: stack.message, next });
  }
  const entries = new Map<string, RouteEntry>(run.plan.moves.map((move) => [move.name, wishedEntry(move)]));
  for (const name of run.plan.behind) {
    const entry = entryFromGateway(run, name);
    if (entry !== null) entries.set(name, entry);
  }
  run.copyText = editEntries(await stackText(run), entries);
}

/** Found out before a route moves: afterwards it could only be said. */
async function mustBeReplaceable(run: RunState): Promise<void> {
  const { stackPath } = run.context;
  const why = await whyNotReplaceable(stackPath, await stackText(run));
  if (why === null) return;
  const message = `${stackPath} cannot be replaced, so nothing was changed: ${why}`;
  const next = [
    `make room, or give this user write access to ${dirname(stackPath)}`,
    'cutover rollback works without it',
  ];
  throw new VerbStop(EXIT.failed, { code: 'stack-file-unwritable', message, next });
}

async function pulumiUp(run: RunState): Promise<void> {
  const names = touchedNames(run);
  run.context.terminal.progress(
    `pulumi up: ${names.length} of ${counted(run.context.inventory.connections.length, 'connection')}`,
  );
  const stopWatching = watchMoves(run.context, run.plan.moves);
  try {
    await update(run, run.copyText ?? '', names);
  } finally {
    await stopWatching();
  }
}

async function readBack(run: RunState): Promise<void> {
  // The routes have moved: what a rollback needs next is sought while it reads back.
  if (run.pulumi === null && run.context.project !== null) run.opening = openWithRoutes(run.context);
  const [statuses, routes] = await Promise.all([readStatuses(run.context), stateRoutes(run)]);
  run.statuses = statuses;
  run.routes = routes;
  const moved = run.plan.moves.filter((move) => hasMoved(run, move));
  await Promise.all(
    run.context.gateways.map(async (gateway) => {
      const epochs = new Map(
        moved.filter(({ shard }) => shard === gateway.shard).map(({ name, to }) => [name, to.epoch] as const),
      );
      for (const { record, answer } of await newestOf(gateway, [...epochs.keys()])) {
        if (epochs.get(record.connection) !== record.epoch) continue;
        run.records.set(record.connection, record);
        // With the pause that the sender felt.
        if (answer !== null && !run.answers.has(record.connection)) run.answers.set(record.connection, answer);
      }
    }),
  );
}

/** In one call; a gateway that does not know it yet is asked one by one, and tells no pauses. */
async function newestOf(gateway: GatewayClient, names: readonly string[]): Promise<readonly NewestEpoch[]> {
  if (names.length === 0) return [];
  const read = await gateway.newestEpochs();
  if (read.ok) return read.value;
  const histories = await Promise.all(names.map((name) => gateway.epochs(name)));
  return histories.flatMap((history) => {
    const record = history.ok ? history.value.at(-1) : undefined;
    return record === undefined ? [] : [{ record, answer: null }];
  });
}

/** Replaces only the touched entries, in the file as it is now: someone may have edited it meanwhile. */
async function stackFile(run: RunState): Promise<void> {
  if (run.context.project === null) {
    return leaveBehind(
      run,
      'stack file, Pulumi state and commit are left behind: this ran from an inventory alone (cutover sync, in the checkout)',
    );
  }
  try {
    const entries = observedEntries(run);
    await stackText(run);
    const isChanged = await editFile(run.context.stackPath, (text) =>
      editEntries(underPresentNames(run, text), entries),
    );
    // With --no-commit they stay what they were: nobody's commit.
    if (isChanged && run.hadUncommittedChanges && run.args['no-commit'] !== true) {
      run.warnings.push('the stack file had changes that were not committed: they are kept, and in this commit too');
    }
    run.written = entries;
    run.nightFile = await noteSwitched(run);
  } catch (error) {
    leaveBehind(run, `the stack file is left behind: ${messageOf(error)}`);
  }
}

/** Where the state does not say what the gateways say: an update whose entries are what was observed moves nothing. */
async function pulumiHeal(run: RunState): Promise<void> {
  if (run.context.interruption.aborted || run.context.project === null) return;
  if (run.pulumi === null) {
    const opened = await (run.opening ?? openWithRoutes(run.context));
    if (!opened.ok) return leaveBehind(run, `the Pulumi state is left behind: ${opened.message}`);
    run.pulumi = opened.value.session;
    run.routes = opened.value.routes;
  }
  const behind = recordedNames(run).filter((name) => isStateBehind(run, name));
  if (behind.length === 0) return;
  const stack = await run.pulumi.ensureStack();
  if (!stack.ok) return leaveBehind(run, `the Pulumi state is left behind: ${stack.message}`);
  run.context.terminal.progress(
    `pulumi up: ${counted(behind.length, 'route is', 'routes are')} there already, the state follows`,
  );
  try {
    await update(run, editEntries(await stackText(run), observedEntries(run)), behind);
  } catch (error) {
    return leaveBehind(run, `the Pulumi state is left behind: ${messageOf(error)}`);
  }
  run.routes = await stateRoutes(run);
  const left = behind.filter((name) => isStateBehind(run, name));
  if (left.length > 0) {
    leaveBehind(
      run,
      `the Pulumi state is left behind for ${nameList(left)}: ${run.complaints.get(left[0] ?? '')?.message ?? 'no reason was given'}`,
    );
  }
}

async function ledgerResult(run: RunState): Promise<void> {
  if (run.ledger === null || run.ledger.availability.kind !== 'read') return;
  await recordOrLeave(run, async () => {
    await bringUp(run);
    await run.ledger?.record('result', resultBody(run));
    run.checkpointFiles = (await run.ledger?.checkpoint()) ?? [];
  });
  if (run.ledgerOutcome !== 'behind') run.ledgerOutcome = 'recorded';
}

async function commit(run: RunState): Promise<void> {
  if (run.args['no-commit'] === true || run.written === null || run.context.project === null) return;
  const { verb, stack, stackPath } = run.context;
  const { reason, 'change-id': changeId } = run.args;
  const names = touchedNames(run);
  const what = names.length <= 3 ? names.join(', ') : `${names.length} connections`;
  const outcome = await commitFiles(
    [stackPath, ...run.checkpointFiles, ...(run.nightFile === null ? [] : [run.nightFile])],
    [`${stack}: ${verb} ${what}`, reason, changeId].filter(Boolean).join('\n\n'),
  );
  switch (outcome.kind) {
    case 'committed':
      if (outcome.push.kind === 'failed') {
        run.warnings.push(`the commit was not pushed: ${outcome.push.message} (git pull --rebase, then git push)`);
      }
      run.context.terminal.progress(
        `stack file committed as ${outcome.commit.slice(0, 10)}${outcome.push.kind === 'pushed' ? ' and pushed' : ''}`,
      );
      return;
    case 'failed':
      run.warnings.push(`the stack file was not committed: ${outcome.message}`);
      return;
    case 'no-repository':
      run.context.terminal.progress('the stack file is not in a git repository: nothing was committed');
      return;
    case 'unchanged':
      return;
  }
}

async function update(run: RunState, text: string, names: readonly string[]): Promise<void> {
  if (run.pulumi === null) throw new Error('a Plan with pulumi-up runs with a Pulumi session');
  const { verb } = run.context;
  const { reason, 'change-id': changeId } = run.args;
  const message = [`cutover ${verb}`, reason, changeId].filter(Boolean).join(' · ');
  const parallel = run.args.parallel ?? Math.min(names.length, MOST_PARALLEL);
  const request = {
    origin: 'verb' as const,
    deadlineMs: MOVE_DEADLINE_MS,
    requestIds: Object.fromEntries(run.plan.moves.map(({ name }) => [name, requestIdOf(run.context, name)])),
    together: Math.max(1, Math.min(parallel, run.plan.moves.length)),
    ...(changeId === undefined ? {} : { changeId }),
  };
  const result = await run.pulumi.up(text, names, {
    parallel,
    takeOver: run.args['take-over'] === true,
    message,
    request,
  });
  collectComplaints(run, result, names);
}

async function bringUp(run: RunState): Promise<void> {
  const needs = recordedNames(run).flatMap((name) => {
    const item = itemOf(run, name);
    const epoch = routeNow(run, name)?.epoch ?? (item.gateway.kind === 'read' ? item.gateway.status.epoch : null);
    return epoch === null ? [] : [{ name, shard: item.shard, epoch }];
  });
  const unread = (await run.ledger?.recordEpochs(needs, run.records)) ?? [];
  if (unread.length > 0) {
    run.ledgerOutcome = 'behind';
    leaveBehind(run, `the ledger lacks epochs of ${nameList(unread)}: their gateways could not be asked`);
  }
}

/** Before the point of no return a ledger that fails ends the verb; after it, it is left behind. */
async function recordOrLeave(run: RunState, record: () => Promise<void>): Promise<void> {
  try {
    await record();
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    const isBefore = run.plan.order === 'pulumi-first' && run.statuses === null;
    if (isBefore) {
      throw new VerbStop(EXIT.failed, {
        code: 'ledger-unavailable',
        message: `the ledger cannot be written: ${error.message}; nothing was changed`,
        next: ['bring PostgreSQL back, then run this again', 'cutover rollback works without it'],
      });
    }
    run.ledgerOutcome = 'behind';
    leaveBehind(run, `the ledger is left behind: ${error.message}`);
  }
}

function observedEntries(run: RunState): ReadonlyMap<string, RouteEntry> {
  const entries = new Map<string, RouteEntry>();
  for (const name of touchedNames(run)) {
    const entry = entryFromGateway(run, name);
    if (entry !== null) entries.set(name, entry);
  }
  return entries;
}

function entryFromGateway(run: RunState, name: string): RouteEntry | null {
  const item = itemOf(run, name);
  const view = run.statuses?.get(name) ?? item.gateway;
  if (view.kind !== 'read') return null;
  const before = item.entry === null || item.entry === 'unknown' ? undefined : item.entry;
  return observedEntry(view.status, run.records.get(name), before);
}

function isStateBehind(run: RunState, name: string): boolean {
  const now = routeNow(run, name);
  if (now === null) return false;
  const claimed = run.routes?.get(name);
  return claimed === undefined || !isSameRoute(claimed, now);
}

/** What a rollback needs once the routes have moved: the engine, and what its state says. */
async function openWithRoutes(context: Context): Promise<Opened<OpenedPulumi>> {
  const opened = await PulumiSession.open(context);
  if (!opened.ok) return opened;
  const routes = await opened.value.routes();
  return routes.ok ? { ok: true, value: { session: opened.value, routes: routes.value } } : routes;
}

async function stateRoutes(run: RunState): Promise<RunState['routes']> {
  const routes = await run.pulumi?.routes();
  if (routes === undefined) return null;
  if (routes.ok) return routes.value;
  leaveBehind(run, `the Pulumi state could not be read: ${routes.message}`);
  return null;
}

async function stackText(run: RunState): Promise<string> {
  const read = await readStackFile(run.context.stackPath);
  if (!read.ok)
    throw new VerbStop(EXIT.failed, {
      code: read.code,
      message: read.problems.join('\n'),
      next: [`correct ${run.context.stackPath}`],
    });
  return underPresentNames(run, read.value.text);
}

/** An entry that bears a former name would stop every update. */
function underPresentNames({ context }: RunState, text: string): string {
  return renameEntries(text, renamedOf(context.inventory.connections));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
