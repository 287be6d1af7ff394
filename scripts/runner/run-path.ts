/**
 * Runs `insert` and `remove`: lease, snapshot, Plan, edge stack up for exactly the feeds' listeners, read back, edge file
 * replaced with what was read back, one commit. A refused feed is left out.
 */

import { join } from 'node:path';
import { type EdgeFile, editPaths, readEdgeFile } from '../../adapters/edge-file.ts';
import { commitFiles } from '../../adapters/git.ts';
import { replaceFile } from '../../adapters/stack-file.ts';
import { counted } from '../../core/count-words.ts';
import type { PathDocument } from '../../core/documents.ts';
import { edgeStackOf } from '../../core/edge/edge-config.ts';
import { describePath, FIRST_PATH, type PathEntry, samePath } from '../../core/edge/path.ts';
import type { FeedSnapshot, PathPlan } from '../../core/edge/path-plan.ts';
import type { Context } from './context.ts';
import { EdgeSession } from './edge-session.ts';
import type { Args } from './flags.ts';
import { LEASE_WAIT_MS, takeLease } from './lease.ts';
import { throwIfInterrupted } from './pause.ts';
import { readStatuses } from './snapshot.ts';
import { EXIT, type ExitCode, VerbStop } from './stop.ts';
import type { Printed } from './verb.ts';

type ReadEdge = Extract<EdgeFile, { kind: 'read' }>;
type Decide = (feeds: readonly FeedSnapshot[]) => PathPlan;

const STEPS = ['edge stack up, for these listeners only', 'read the weights back', 'edge file, as read back', 'commit'];

/** `evenWithoutGateway`: a bypass must work when the gateway is what is broken. */
export async function runPath(
  context: Context,
  args: Args,
  decide: Decide,
  evenWithoutGateway: boolean,
): Promise<Printed> {
  const edge = await openEdge(context);
  const lease =
    args['dry-run'] === true
      ? null
      : await takeLease(context, {
          skipUnreachable: evenWithoutGateway,
          evenIfHeld: evenWithoutGateway,
          waitMs: evenWithoutGateway ? 0 : LEASE_WAIT_MS,
        });
  try {
    const plan = decide(await snapshotOf(context, edge));
    const common = {
      verb: context.verb,
      stack: edgeStackOf(context.stack),
      dryRun: args['dry-run'] === true,
      refused: plan.refused.map(({ feed, ...rest }) => ({ ...rest, next: [...rest.next], feed })),
      alreadyThere: plan.alreadyThere.map(({ feed, path }) => ({ feed, path: describePath(path) })),
      plan: plan.moves.map(({ feed, connections, from, to }) => ({
        feed,
        connections: [...connections],
        from: describePath(from),
        to: describePath(to),
      })),
    };
    if (args['dry-run'] === true || plan.moves.length === 0) {
      return printed({ ...common, changed: [], failed: [], warnings: [] });
    }
    await confirm(context, args, plan);
    return printed({ ...common, ...(await carryOut(context, args, edge, plan)) });
  } finally {
    await lease?.release();
  }
}

async function openEdge(context: Context): Promise<ReadEdge> {
  const stack = edgeStackOf(context.stack);
  if (context.project === null) throw new Error('insert and remove take no --inventory');
  const file = join(context.project.stackFolder, `Pulumi.${stack}.yaml`);
  const edge = await readEdgeFile(file);
  switch (edge.kind) {
    case 'read':
      return edge;
    case 'absent': {
      const message = `stack '${context.stack}' has no edge: there is no ${file}. Its sources connect to the gateway's own ports, so there is no load balancer that could put it in or out of the path`;
      const next = [`write ${file} where there is a load balancer: docs/how-to/production.md`];
      throw new VerbStop(EXIT.refused, { code: 'no-edge', message, next });
    }
    case 'invalid':
      throw new VerbStop(EXIT.usage, {
        code: 'edge-file-invalid',
        message: edge.problems.join('\n'),
        next: [`correct ${file}`],
      });
  }
}

async function snapshotOf(context: Context, edge: ReadEdge): Promise<readonly FeedSnapshot[]> {
  const statuses = await readStatuses(context);
  const wanted = new Set(context.selected.map(({ feed }) => feed));
  return context.inventory.feeds
    .filter(({ name }) => wanted.has(name))
    .map(({ name, connections, dial }): FeedSnapshot => {
      const views = connections.flatMap((connection) => {
        const view = statuses.get(connection);
        return view?.kind === 'read' ? [view.status] : [];
      });
      const [first] = views;
      return {
        name,
        path: edge.stack.paths[name] ?? FIRST_PATH,
        isDialled: dial !== null,
        connections,
        gateway:
          first !== undefined && views.length === connections.length
            ? { primary: first.primary, phases: views.map(({ phase }) => phase) }
            : null,
        phasesOnFile: connections.map((connection) => context.stackFile?.config.routes[connection]?.phase ?? null),
      };
    });
}

type CarriedOut = Pick<PathDocument, 'changed' | 'failed' | 'warnings'>;

async function carryOut(context: Context, args: Args, edge: ReadEdge, plan: PathPlan): Promise<CarriedOut> {
  const { terminal, interruption } = context;
  const feeds = plan.moves.map(({ feed }) => feed);
  const step = (index: number): void => terminal.progress(`[${index + 1}/${STEPS.length}] ${STEPS[index]}`);
  const opened = await EdgeSession.open(context);
  if (!opened.ok) throw new VerbStop(EXIT.failed, { code: 'no-pulumi', message: opened.message, next: BY_HAND });
  const session = opened.value;
  throwIfInterrupted(interruption);
  step(0);
  const wanted = new Map(plan.moves.map(({ feed, to }) => [feed, to] as const));
  const message = [context.verb, feeds.join(','), args.reason, args['change-id']].filter(Boolean).join(' · ');
  const up = await session.up(editPaths(edge.text, wanted), feeds, message, args['take-over'] === true);
  if (!up.ok) terminal.warn(up.message);
  step(1);
  const read = await session.readBack(feeds);
  if (!read.ok) {
    const unknown = `the weights could not be read back, so it is not known what the load balancer does: ${read.message}`;
    throw new VerbStop(EXIT.failed, { code: 'not-read-back', message: unknown, next: ['run it again', ...BY_HAND] });
  }
  step(2);
  const observed = new Map<string, PathEntry>();
  const failed: CarriedOut['failed'] = [];
  for (const [feed, { path, seen }] of read.value) {
    if (path !== null) observed.set(feed, path);
    const to = wanted.get(feed);
    if (path !== null && to !== undefined && samePath(path, to)) continue;
    const found = `${feed}: the listener was read back as ${seen}${up.ok ? '' : `; ${up.message}`}`;
    failed.push({ feed, code: 'not-as-wanted', message: found, next: [`cutover ${context.verb} --feed ${feed}`] });
  }
  await replaceFile(edge.file, editPaths(edge.text, observed));
  const changed = plan.moves.flatMap(({ feed, connections, from, to }) =>
    failed.some((one) => one.feed === feed)
      ? []
      : [{ feed, connections: [...connections], from: describePath(from), to: describePath(to) }],
  );
  step(3);
  return { changed, failed, warnings: await commit(context, args, edge.file, feeds) };
}

/** Works with the AWS console alone: the emergency way. */
const BY_HAND = ['runbooks/insert-and-remove.md, "by hand"'];

async function commit(context: Context, args: Args, file: string, feeds: readonly string[]): Promise<string[]> {
  if (args['no-commit'] === true) return [];
  const what = feeds.length <= 3 ? feeds.join(', ') : `${feeds.length} feeds`;
  const subject = `${edgeStackOf(context.stack)}: ${context.verb} ${what}`;
  const outcome = await commitFiles([file], [subject, args.reason, args['change-id']].filter(Boolean).join('\n\n'));
  switch (outcome.kind) {
    case 'committed':
      return outcome.push.kind === 'failed' ? [`the commit was not pushed: ${outcome.push.message}`] : [];
    case 'failed':
      return [`the edge file was not committed: ${outcome.message}`];
    case 'no-repository':
      return ['the edge file is not in a git repository: nothing was committed'];
    case 'unchanged':
      return [];
  }
}

async function confirm(context: Context, args: Args, plan: PathPlan): Promise<void> {
  if (args.yes === true) return;
  const { terminal, interruption } = context;
  for (const { feed, from, to, connections } of plan.moves) {
    terminal.progress(
      `  ${feed} (${counted(connections.length, 'connection')}): ${describePath(from)} → ${describePath(to)}`,
    );
  }
  const answer = terminal.isInteractive
    ? await terminal
        .ask(`${context.verb} ${counted(plan.moves.length, 'feed')}? Type 'yes': `, interruption)
        .catch(() => '')
    : '';
  throwIfInterrupted(interruption);
  if (answer === 'yes') return;
  const message = terminal.isInteractive ? 'not confirmed; nothing was changed' : 'without a terminal it needs --yes';
  throw new VerbStop(terminal.isInteractive ? EXIT.refused : EXIT.usage, { code: 'not-confirmed', message, next: [] });
}

function printed(found: Omit<PathDocument, 'ok' | 'exitCode' | 'nextSteps'>): Printed {
  const exitCode = exitOf(found);
  const nextSteps = [...found.refused, ...found.failed].flatMap(({ next }) => next);
  if (found.changed.length > 0) {
    nextSteps.push(
      'open connections stay where they are: let the senders reconnect (runbooks/insert-and-remove.md)',
      'cutover status',
    );
  }
  const document: PathDocument = { ...found, ok: exitCode === EXIT.done, exitCode, nextSteps: [...new Set(nextSteps)] };
  return { document, text: textOf(document), exitCode };
}

function exitOf({
  dryRun,
  plan,
  changed,
  refused,
  failed,
}: Omit<PathDocument, 'ok' | 'exitCode' | 'nextSteps'>): ExitCode {
  if (failed.length > 0) return changed.length > 0 ? EXIT.partly : EXIT.failed;
  if (refused.length === 0) return EXIT.done;
  return changed.length > 0 || (dryRun && plan.length > 0) ? EXIT.partly : EXIT.refused;
}

function textOf(document: PathDocument): string {
  const { verb, dryRun, plan, changed, refused, failed, alreadyThere, warnings, nextSteps } = document;
  const lines = [
    ...(dryRun ? plan.map(({ feed, from, to }) => `  would change ${feed}: ${from} → ${to}`) : []),
    ...(dryRun && plan.length > 0 ? STEPS.map((step, index) => `  ${index + 1}. ${step}`) : []),
    ...changed.map(({ feed, from, to, connections }) => `  ✓ ${feed} (${connections.join(', ')}): ${from} → ${to}`),
    ...alreadyThere.map(({ feed, path }) => `  – ${feed}: ${path} already`),
    ...refused.map(({ message }) => `  ✗ ${message}`),
    ...failed.map(({ message }) => `  ✗ ${message}`),
    ...warnings.map((warning) => `  ! ${warning}`),
    `${verb}: ${changed.length} changed, ${refused.length} refused, ${failed.length} failed${dryRun ? ' (dry run)' : ''}`,
    ...nextSteps.map((step) => `  next: ${step}`),
  ];
  return `${lines.join('\n')}\n`;
}
