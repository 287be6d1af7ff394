/** `resolve`: lists what the product refuses to guess, and closes entries by a named person's decision. */
import type { ActionDocument } from '../../core/documents.ts';
import { readableTime } from '../../core/readable-time.ts';
import type { Context } from '../runner/context.ts';
import { formatAction } from '../runner/each-connection.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const resolve: TaskVerb = {
  kind: 'task',
  summary: 'list the open decisions, or close some',
  examples: [
    'cutover resolve',
    'cutover resolve --deliver ID --reason "LIS has not got it"',
    'cutover resolve --discard ID,ID --reason "duplicates"',
  ],
  flags: [...SELECTION_FLAGS, 'inventory', 'deliver', 'discard', 'reason', 'json'],
  selectsAll: true,
  check: ({ deliver, discard, reason }) => {
    if (deliver !== undefined && discard !== undefined)
      throw usage('--deliver and --discard exclude each other', 'choose one');
    if ((deliver ?? discard) !== undefined && reason === undefined) {
      throw usage('a decision needs a reason', 'cutover resolve --deliver ID --reason "TEXT"');
    }
  },
  perform: (context, args) =>
    args.deliver === undefined && args.discard === undefined ? list(context) : close(context, args),
};

/** Of the selection, resolved ones too. */
async function decisionsOf(context: Context) {
  const selected = new Set(context.selected.map(({ name }) => name));
  const answers = await Promise.all(
    context.gateways.map(async (gateway) => ({ gateway, result: await gateway.decisions() })),
  );
  return answers.flatMap(({ gateway, result }) => {
    if (!result.ok) throw new VerbStop(EXIT.failed, result.error);
    return result.value.filter((one) => selected.has(one.connection)).map((decision) => ({ gateway, decision }));
  });
}

async function list(context: Context): Promise<Printed> {
  const open = (await decisionsOf(context)).filter(({ decision }) => decision.resolved === null);
  const decisions = open.map(({ decision: { id, connection, cause, openedAt, proposals } }) => ({
    id,
    connection,
    cause,
    openedAt,
    proposals: proposals.length,
  }));
  const ok = decisions.length === 0;
  const exitCode = ok ? EXIT.done : EXIT.refused;
  const nextSteps = ok
    ? []
    : ['cutover resolve --deliver ID,ID --reason "TEXT"', 'cutover resolve --discard ID,ID --reason "TEXT"'];
  const document: ActionDocument = { verb: 'resolve', ok, exitCode, done: [], failed: [], decisions, nextSteps };
  const rows = decisions.map((one) => [one.id, one.connection, one.cause, `${one.proposals} proposed`, one.openedAt]);
  const text = ok
    ? 'resolve: no decision is open\n'
    : `${formatTable(rows, '  ').join('\n')}\n${formatAction(document)}`;
  return { document, text, exitCode };
}

type Found = Awaited<ReturnType<typeof decisionsOf>>[number];
type Action = 'deliver' | 'discard';

/** All of them are looked at before the first is closed: one that cannot be closed leaves the others open too. */
async function close(context: Context, args: Args): Promise<Printed> {
  const ids = [...new Set(args.deliver ?? args.discard ?? [])];
  const action = args.deliver === undefined ? 'discard' : 'deliver';
  const all = new Map((await decisionsOf(context)).map((found) => [found.decision.id, found]));
  const wanted = ids.map((id) => openOrDone(all.get(id), id, action));
  const done: ActionDocument['done'] = [];
  const failed: ActionDocument['failed'] = [];
  for (const { gateway, decision } of wanted) {
    const { id, connection: name, resolved } = decision;
    // A rerun after a kill meets what the first one has done.
    if (resolved !== null) {
      done.push({ name, message: `${id}: ${action} already, by ${resolved.by}` });
      continue;
    }
    const result = await gateway.resolve(id, { action, reason: args.reason ?? '' });
    if (result.ok) done.push({ name, message: `${id}: ${action}` });
    else if (wanted.length === 1)
      throw new VerbStop(result.kind === 'refused' ? EXIT.refused : EXIT.failed, result.error);
    else failed.push({ ...result.error, name, message: `${id}: ${result.error.message}` });
  }
  const exitCode = failed.length === 0 ? EXIT.done : done.length > 0 ? EXIT.partly : EXIT.failed;
  const nextSteps = [...new Set(failed.flatMap(({ next }) => next))];
  const document: ActionDocument = { verb: 'resolve', ok: failed.length === 0, exitCode, done, failed, nextSteps };
  return { document, text: formatAction(document), exitCode };
}

function openOrDone(found: Found | undefined, id: string, action: Action): Found {
  if (found === undefined) {
    throw new VerbStop(EXIT.refused, {
      code: 'unknown-decision',
      message: `no open decision has the id '${id}'; nothing was changed`,
      next: ['cutover resolve'],
    });
  }
  const { resolved } = found.decision;
  if (resolved === null || resolved.action === action) return found;
  const message = `decision '${id}' was resolved before: ${resolved.action}, by ${resolved.by} at ${readableTime(resolved.at)}; nothing was changed`;
  throw new VerbStop(EXIT.refused, { code: 'already-resolved', message, next: ['cutover resolve'] });
}
