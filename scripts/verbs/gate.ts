/** `gate`: go or no-go, every criterion with its reason and evidence, frozen for the approval. Changes nothing. */

import { join } from 'node:path';
import { listEvidence, storeEvidence } from '../../adapters/evidence-files.ts';
import { frozenGateSchema, type GateDocument } from '../../core/gate/gate-document.ts';
import type { GateSaid } from '../../core/notice/gate.ts';
import { askGate } from '../gate/ask.ts';
import { formatGate } from '../gate/print.ts';
import type { Context } from '../runner/context.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { requireSome, selectionSaid } from '../runner/selection.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT } from '../runner/stop.ts';
import { tellOfGate } from '../runner/tell-others.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

/** As long as the evidence may be approved on; the window of the approval is the people's. */
const VALID_MS = 24 * 3_600_000;

export const gate: TaskVerb = {
  kind: 'task',
  summary: 'go or no-go: every criterion, with reason and evidence',
  examples: ['cutover gate --wave pilot', 'cutover gate --wave pilot --explain', 'cutover gate --all --json'],
  flags: [...SELECTION_FLAGS, 'explain', 'json'],
  selectsAll: true,
  perform,
};

async function perform(context: Context, args: Args): Promise<Printed> {
  requireSome(context.inventory);
  const folder = stackFolderOf(context);
  const { deployment } = context.inventory;
  const { observations, judged, warnings } = await askGate(context);
  const exitCode = judged.verdict === 'green' ? EXIT.done : EXIT.refused;
  const at = context.clock.now();
  const connections = context.selected.map(({ name }) => name);
  const frozen = {
    verdict: judged.verdict,
    at,
    expiresAt: new Date(observations.nowMs + VALID_MS).toISOString(),
    operator: context.operator,
    epochs: Object.fromEntries(
      observations.connections.map(({ name, status }) => [
        name,
        status.kind === 'observed' ? status.value.epoch : null,
      ]),
    ),
    criteria: judged.criteria.map((one) => ({
      ...one,
      red: [...one.red],
      evidence: [...one.evidence],
      waivers: [...one.waivers],
    })),
  };
  const before = await newestOf(join(folder, 'evidence'), connections);
  const { digest } = await storeEvidence(join(folder, 'evidence'), {
    kind: 'gate',
    deployment,
    stack: context.stack,
    at,
    connections,
    body: frozen,
  });
  const document: GateDocument = {
    verb: 'gate',
    ok: judged.verdict === 'green',
    exitCode,
    stack: context.stack,
    deployment,
    digest,
    connections,
    verdict: frozen.verdict,
    at,
    expiresAt: frozen.expiresAt,
    criteria: frozen.criteria,
    warnings: [...warnings],
    nextSteps:
      judged.verdict === 'green'
        ? [`cutover approve${selectionSaid(args)} --until TIME --key FILE`]
        : args.explain === true
          ? []
          : [`cutover gate${selectionSaid(args)} --explain`],
  };
  const afterwards = (): Promise<void> => tellOfGate(context, document, before);
  return { document, text: formatGate(document, args.explain === true), exitCode, afterwards };
}

/** What the gate said of the same connections when it was last asked. */
async function newestOf(evidence: string, connections: readonly string[]): Promise<GateSaid | null> {
  const asked = [...connections].sort().join();
  const { found } = await listEvidence(evidence, 'gate');
  const same = found.find((each) => [...each.evidence.connections].sort().join() === asked);
  return frozenGateSchema.safeParse(same?.evidence.body).data ?? null;
}
