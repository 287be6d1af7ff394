/** `resolve`: lists what the product refuses to guess, and closes one entry by a named person's decision. */
import type { ActionDocument } from '../../core/documents.ts';
import type { Context } from '../runner/context.ts';
import { formatAction } from '../runner/each-connection.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const resolve: TaskVerb = {
  kind: 'task',
  summary: 'list the open decisions, or close one',
  examples: [
    'cutover resolve',
    'cutover resolve --deliver ID --reason "LIS has not got it"',
    'cutover resolve --discard ID --reason "duplicate"',
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
    : ['cutover resolve --deliver ID --reason "TEXT"', 'cutover resolve --discard ID --reason "TEXT"'];
  const document: ActionDocument = { verb: 'resolve', ok, exitCode, done: [], failed: [], decisions, nextSteps };
  const rows = decisions.map((one) => [one.id, one.connection, one.cause, `${one.proposals} proposed`, one.openedAt]);
  const text = ok
    ? 'resolve: no decision is open\n'
    : `${formatTable(rows, '  ').join('\n')}\n${formatAction(document)}`;
  return { document, text, exitCode };
}

async function close(context: Context, args: Args): Promise<Printed> {
  const id = args.deliver ?? args.discard ?? '';
  const action = args.deliver === undefined ? 'discard' : 'deliver';
  const found = (await decisionsOf(context)).find(({ decision }) => decision.id === id);
  if (found === undefined) {
    throw new VerbStop(EXIT.refused, {
      code: 'unknown-decision',
      message: `no open decision has the id '${id}'`,
      next: ['cutover resolve'],
    });
  }
  const { resolved, connection } = found.decision;
  // A rerun after a kill meets what the first one has done.
  if (resolved?.action === action) return closed(connection, `${id}: ${action} already, by ${resolved.by}`);
  if (resolved !== null) {
    const message = `decision '${id}' was resolved before: ${resolved.action}, by ${resolved.by} at ${resolved.at}`;
    throw new VerbStop(EXIT.refused, { code: 'already-resolved', message, next: ['cutover resolve'] });
  }
  const result = await found.gateway.resolve(id, { action, reason: args.reason ?? '' });
  if (!result.ok) throw new VerbStop(result.kind === 'refused' ? EXIT.refused : EXIT.failed, result.error);
  return closed(connection, `${id}: ${action}`);
}

function closed(name: string, message: string): Printed {
  const done = [{ name, message }];
  const document: ActionDocument = { verb: 'resolve', ok: true, exitCode: EXIT.done, done, failed: [], nextSteps: [] };
  return { document, text: formatAction(document), exitCode: EXIT.done };
}
