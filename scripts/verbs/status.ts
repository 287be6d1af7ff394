/** `status`: what every connection is, and whether config, Pulumi, gateway and the last message say the same. */

import type { ConnectionLine, StatusDocument } from '../../core/documents.ts';
import type { ConnectionSnapshot, Snapshot } from '../../core/plan.ts';
import { controlOf } from '../../core/platform.ts';
import { judgeTruth } from '../../core/truth.ts';
import type { Context } from '../runner/context.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import { formatStatus } from '../runner/print-status.ts';
import { PulumiSession } from '../runner/pulumi-session.ts';
import { assembleSnapshot, readRoutes, readStatuses } from '../runner/snapshot.ts';
import { EXIT } from '../runner/stop.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const status: TaskVerb = {
  kind: 'task',
  summary: 'what every connection is, and whether everything agrees',
  examples: ['cutover status', 'cutover status --wave pilot --json'],
  flags: [...SELECTION_FLAGS, 'json'],
  selectsAll: true,
  perform,
};

async function perform(context: Context): Promise<Printed> {
  const openState = async (): ReturnType<typeof readRoutes> => {
    const opened = await PulumiSession.open(context);
    return opened.ok
      ? readRoutes(opened.value, { kind: 'skipped' })
      : { pulumi: { kind: 'unavailable', message: opened.message }, routes: null };
  };
  const [statuses, state] = await Promise.all([readStatuses(context), openState()]);
  if (state.pulumi.kind === 'unavailable')
    context.terminal.warn(`the Pulumi state could not be read: ${state.pulumi.message}`);
  const snapshot = assembleSnapshot(context, statuses, { ...state, ledger: null });
  const document = statusDocument(snapshot);
  return { document, text: formatStatus(document), exitCode: exitCodeOf(snapshot, document) };
}

export function statusDocument(snapshot: Snapshot): StatusDocument {
  const connections = snapshot.connections.map(toLine);
  const ok = connections.length > 0 && connections.every(isGreen);
  return { ok, connections, nextSteps: nextStepsOf(snapshot, connections) };
}

function toLine(item: ConnectionSnapshot): ConnectionLine {
  const { name, practice, direction, wave, entry, pulumi, gateway } = item;
  const status = gateway.kind === 'read' ? gateway.status : null;
  const config = entry === null ? null : { phase: entry.phase, newWeight: entry.newWeight, epoch: entry.epoch };
  return {
    name,
    practice,
    direction,
    wave,
    phase: status?.phase ?? null,
    control: status === null ? null : controlOf(status),
    epoch: status?.epoch ?? null,
    state: status?.state ?? null,
    newWeight: status?.newWeight ?? null,
    shadowLag: status?.shadowLag ?? null,
    rollbackReady: status?.rollbackReady ?? { ready: false, reasons: [gateway.kind === 'read' ? '' : gateway.message] },
    truth: judgeTruth({ config, pulumi, status }),
  };
}

/** Rollback readiness counts where there is something to roll back. */
function isGreen(line: ConnectionLine): boolean {
  const isReady = line.phase !== 'switched' || line.rollbackReady.ready;
  return line.truth.agree === true && line.state === 'steady' && isReady;
}

function nextStepsOf(snapshot: Snapshot, lines: readonly ConnectionLine[]): string[] {
  const steps: string[] = [];
  if (lines.length === 0) steps.push('the inventory has no connections: add them under `connections`');
  const unread = snapshot.connections.find(({ gateway }) => gateway.kind !== 'read');
  if (unread?.gateway.kind === 'unavailable') steps.push(...unread.gateway.next);
  const apart = lines.filter(({ truth }) => truth.agree === false).map(({ name }) => name);
  if (apart.length > 0)
    steps.push(apart.length === lines.length ? 'cutover sync --all' : `cutover sync --connection ${apart.join(',')}`);
  const unproven = lines.filter(({ truth }) => truth.observed === 'not-yet-proven').length;
  if (unproven > 0)
    steps.push(
      `wait for traffic: no message has proven the present epoch of ${unproven === 1 ? 'one connection' : `${unproven} connections`}`,
    );
  if (snapshot.pulumi.kind === 'unavailable') steps.push('bring the Pulumi backend back');
  const held = lines.filter(({ state }) => state === 'held').map(({ name }) => name);
  if (held.length > 0) steps.push(`cutover release --connection ${held.join(',')}`);
  return [...new Set(steps)];
}

function exitCodeOf(snapshot: Snapshot, document: StatusDocument): Printed['exitCode'] {
  if (document.ok) return EXIT.done;
  const isUnread = snapshot.connections.some(({ gateway }) => gateway.kind !== 'read');
  return isUnread || snapshot.pulumi.kind === 'unavailable' ? EXIT.failed : EXIT.refused;
}
