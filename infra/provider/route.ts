/**
 * One connection's route as a Pulumi resource. Check judges a transition, create adopts what the gateway has, update
 * starts the gateway's operation and waits for its outcome; whatever fails leaves Pulumi's state as it was.
 */
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { systemClock } from '../../adapters/clock.ts';
import type { GatewayFailure } from '../../adapters/gateway-admin.ts';
import { readLocalSigners } from '../../adapters/signers-file.ts';
import type { ConnectionStatus, Info, RouteRequestInput } from '../../core/admin-api.ts';
import { judgeApproval } from '../../core/approval.ts';
import { needsSignature } from '../../core/connection.ts';
import { controlOf } from '../../core/platform.ts';
import { readApproval } from './approvals.ts';
import type { Gateways } from './gateways.ts';
import { type Judgement, judgeRoute } from './judge.ts';
import { type Outcome, refused, refusedBy } from './outcome.ts';
import { changedRouteKeys, parseRouteInputs, type RouteInputs, type RouteOutputs } from './route-properties.ts';
import type { StartTogether } from './start-together.ts';
import type { VerbRequest } from './verb-request.ts';

const BARE_UP_DEADLINE_MS = 60_000;

export type RouteContext = {
  readonly gateways: Gateways;
  /** Null: a bare `pulumi up`. */
  readonly request: VerbRequest | null;
  /** Where the approvals of this stack are. */
  readonly approvals: string;
  readonly together: StartTogether;
  /** True once the engine asked to stop: what is in flight ends, nothing new begins. */
  isCancelled(): boolean;
};

export type CheckProblem = { readonly property: string; readonly reason: string };
type Found = { readonly inputs: RouteInputs; readonly outputs: RouteOutputs };

/** Olds are null for a new resource. A route whose entry did not change is never judged and never asked for. */
export async function checkRoute(
  context: RouteContext,
  olds: unknown,
  news: unknown,
): Promise<Outcome<{ readonly inputs: RouteInputs; readonly problems: readonly CheckProblem[] }>> {
  const parsed = parseRouteInputs(news);
  if (!parsed.ok) return parsed;
  const inputs = parsed.value;
  const previous = olds === null ? null : parseRouteInputs(olds);
  if (previous?.ok && changedRouteKeys(previous.value, inputs).length === 0) {
    return { ok: true, value: { inputs, problems: [] } };
  }
  const present = await lookUp(context, inputs);
  if (!present.ok) return present;
  const judgement = judgeRoute(inputs, present.value.status, present.value.info.target);
  if (judgement.kind === 'refused') {
    const { property, message, next } = judgement;
    return { ok: true, value: { inputs, problems: [{ property, reason: refused(message, next).message }] } };
  }
  if (judgement.kind === 'move') {
    const approval = await approvalOf(context, inputs);
    const problem = approval.ok
      ? await doubtAbout(context, inputs, present.value.status, judgement, approval.value)
      : approval.message;
    if (problem !== null) return { ok: true, value: { inputs, problems: [{ property: 'approval', reason: problem }] } };
  }
  return { ok: true, value: { inputs, problems: [] } };
}

/** What the outputs will be; nothing is asked. */
export function previewRoute(inputs: RouteInputs): RouteOutputs {
  const { name, phase, newWeight, epoch, deployment, shard } = inputs;
  return { name, phase, newWeight, epoch, control: controlOf(inputs), deployment, shard };
}

/** Brings the gateway to the entry, or finds it there. `known`: what state says, null for a new resource. */
export async function bringAbout(
  context: RouteContext,
  inputs: RouteInputs,
  known: { readonly incarnation?: string | undefined } | null,
): Promise<Outcome<RouteOutputs>> {
  const present = await lookUp(context, inputs);
  if (!present.ok) return present;
  const { info, status } = present.value;
  const judgement = judgeRoute(inputs, status, info.target);
  switch (judgement.kind) {
    case 'nothing':
      return { ok: true, value: outputsOf(info, status) };
    case 'refused':
      return refused(judgement.message, judgement.next);
    case 'move':
      if (known?.incarnation !== undefined && known.incarnation !== info.incarnation) {
        const message = `${inputs.name}: the gateway of shard ${inputs.shard} has another data directory than at the last update`;
        return refused(message, ['make sure that it is the restored one, then: pulumi refresh']);
      }
      return perform(context, inputs, info, judgement);
  }
}

/** Null: the gateway does not know the connection any more. */
export async function readRoute(context: RouteContext, inputs: RouteInputs): Promise<Outcome<Found | null>> {
  const info = await context.gateways.identify(inputs);
  if (!info.ok) return about(inputs, info.message);
  const answer = await context.gateways.client(inputs).connection(inputs.name);
  if (!answer.ok) {
    if (answer.error.code === 'unknown-connection') return { ok: true, value: null };
    return refusedBy(inputs.name, answer);
  }
  const outputs = outputsOf(info.value, answer.value);
  const { phase, newWeight, epoch } = outputs;
  const { approval: _approval, reason: _reason, ...rest } = inputs;
  const isSame = phase === inputs.phase && newWeight === inputs.newWeight && epoch === inputs.epoch;
  return { ok: true, value: { outputs, inputs: isSame ? inputs : { ...rest, phase, newWeight, epoch } } };
}

/** Only forgets: a gateway drops a connection when its inventory does. */
export async function deleteRoute(context: RouteContext, inputs: RouteInputs): Promise<Outcome<null>> {
  const found = await readRoute(context, inputs);
  if (!found.ok) return found;
  if (found.value === null) return { ok: true, value: null };
  const { phase, epoch } = found.value.outputs;
  if (phase === 'decommissioned') return { ok: true, value: null };
  const message = `${inputs.name}: it is in the path of live messages (${phase}, epoch ${epoch}), so its route is not deleted`;
  const next =
    phase === 'legacy' ? ['take it out of the gateway’s inventory first'] : ['restore its entry', 'cutover sync'];
  return refused(message, next);
}

async function lookUp(
  context: RouteContext,
  inputs: RouteInputs,
): Promise<Outcome<{ readonly info: Info; readonly status: ConnectionStatus }>> {
  const info = await context.gateways.identify(inputs);
  if (!info.ok) return about(inputs, info.message);
  const status = await context.gateways.status(inputs, inputs.name);
  if (!status.ok) return refusedBy(inputs.name, status);
  return { ok: true, value: { info: info.value, status: status.value } };
}

async function perform(
  context: RouteContext,
  inputs: RouteInputs,
  info: Info,
  { move, towards }: Extract<Judgement, { kind: 'move' }>,
): Promise<Outcome<RouteOutputs>> {
  const { name, shard, deployment } = inputs;
  if (context.isCancelled()) return refused(`${name}: interrupted before its move was started; nothing changed`);
  const { request } = context;
  const requestId = request === null ? randomUUID() : request.requestIds[name];
  if (requestId === undefined) {
    return refused(`${name}: the verb that runs this update did not plan this move`, [
      'cutover status',
      'cutover sync',
    ]);
  }
  const approval = await approvalOf(context, inputs);
  if (!approval.ok) return approval;
  const { phase, newWeight, expectedEpoch } = move;
  const body: RouteRequestInput = {
    requestId,
    phase,
    newWeight,
    expectedEpoch,
    deadlineMs: request?.deadlineMs ?? BARE_UP_DEADLINE_MS,
    origin: request?.origin ?? 'pulumi',
    force: towards === 'legacy' && (request?.force ?? false),
    ...(request?.notAfter === undefined ? {} : { notAfter: request.notAfter }),
    ...(request?.changeId === undefined ? {} : { changeId: request.changeId }),
    ...(inputs.reason === undefined ? {} : { reason: inputs.reason }),
    ...(approval.value === null ? {} : { approval: approval.value }),
  };
  const gateway = context.gateways.client(inputs);
  await context.together.arrive(gateway);
  if (context.isCancelled()) return refused(`${name}: interrupted before its move was started; nothing changed`);
  const answer = await gateway.move(name, body);
  if (!answer.ok) return (await foundThere(context, inputs, info, answer)) ?? refusedBy(name, answer);
  const reached = answer.value;
  if (reached.aborted === true) {
    const why = reached.reason ?? 'the gateway gave no reason';
    return refused(`${name}: the swap was aborted, as if it had never been: ${why}`, ['cutover status', 'try again']);
  }
  const { control, epoch } = reached;
  const outputs = { name, phase: reached.phase, newWeight: reached.newWeight, epoch, control, deployment, shard };
  return { ok: true, value: { ...outputs, incarnation: info.incarnation } };
}

/** Someone else, a provider that was left alone for one, may have made this very move since it was looked at. */
async function foundThere(
  context: RouteContext,
  inputs: RouteInputs,
  info: Info,
  { error }: GatewayFailure,
): Promise<Outcome<RouteOutputs> | null> {
  if (error.code !== 'stale-epoch') return null;
  const now = await context.gateways.client(inputs).connection(inputs.name);
  if (!now.ok || judgeRoute(inputs, now.value, info.target).kind !== 'nothing') return null;
  return { ok: true, value: outputsOf(info, now.value) };
}

async function approvalOf(
  context: RouteContext,
  inputs: RouteInputs,
): Promise<Outcome<RouteRequestInput['approval'] | null>> {
  if (inputs.approval === undefined) return { ok: true, value: null };
  const approval = await readApproval(context.approvals, inputs.approval);
  return approval.ok ? approval : about(inputs, approval.message);
}

/** The document as this machine can judge it, to say no in a preview; null: nothing speaks against it here. */
async function doubtAbout(
  { approvals, gateways }: RouteContext,
  inputs: RouteInputs,
  status: ConnectionStatus,
  { move, verb, towards }: Extract<Judgement, { kind: 'move' }>,
  presented: RouteRequestInput['approval'] | null,
): Promise<string | null> {
  const kind = needsSignature(verb, towards);
  if (kind === null || presented === null || presented === undefined) return null;
  const local = await readLocalSigners(dirname(approvals), inputs.deployment);
  const epochs = await gateways.client(inputs).epochs(inputs.name);
  if (local.kind !== 'read' || !epochs.ok) return null;
  const { name } = inputs;
  const from = { phase: status.phase, newWeight: status.newWeight, epoch: status.epoch };
  // Whose credential it is, the gateway knows; here nobody is taken for the operator.
  const question = { connection: name, kind, verb, from, to: move, operator: '', history: epochs.value, presented };
  const verdict = judgeApproval({ ...question, nowMs: Date.parse(systemClock.now()) }, local.authority);
  return verdict.ok ? null : refused(`${verdict.message} [${verdict.code}]`, verdict.next).message;
}

function outputsOf(info: Info, status: ConnectionStatus): RouteOutputs {
  const { name, phase, newWeight, epoch, control } = status;
  const { deployment, shard, incarnation } = info;
  return { name, phase, newWeight, epoch, control, deployment, shard, incarnation };
}

function about(inputs: RouteInputs, message: string): { readonly ok: false; readonly message: string } {
  return refused(`${inputs.name}: ${message}`);
}
