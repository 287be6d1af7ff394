/** `reconcile`: every obligation accounted for, end to end, against outside records where there are any. */
import { evidenceFolderOf, storeEvidence } from '../../adapters/evidence-files.ts';
import type { ReconcileDocument } from '../../core/reconcile/document.ts';
import { formatReconcile } from '../reconcile/print.ts';
import { type Judged, judge, withProofStore } from '../reconcile/reconcile.ts';
import { type Context, closeContext, openContext, type Surroundings } from '../runner/context.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { EXIT } from '../runner/stop.ts';
import type { PlainVerb, Printed } from '../runner/verb.ts';

export const reconcile: PlainVerb = {
  kind: 'plain',
  summary: 'account for every message, against outside records where there are any',
  examples: [
    'cutover reconcile --since 12h',
    'cutover reconcile --wave pilot --lis lis.csv --emr emr.csv --map stacks/local/outside.yaml --json',
  ],
  flags: [...SELECTION_FLAGS, 'since', 'until', 'lis', 'emr', 'map', 'attest', 'json'],
  perform,
};

async function perform(around: Surroundings, args: Args): Promise<Printed> {
  const context = await openContext('reconcile', args, around, { selectsAll: true, withoutStackFile: false });
  try {
    const judged = await withProofStore(context, (postgres) => judge(context, args, postgres));
    const document = await freeze(context, judged);
    return { document, text: formatReconcile(document), exitCode: document.ok ? EXIT.done : EXIT.refused };
  } finally {
    await closeContext(context);
  }
}

/** What a gate and a sign-off rest on later, green or red. Where it cannot be written the figures are still told. */
async function freeze({ project, stack, inventory, clock }: Context, judged: Judged): Promise<ReconcileDocument> {
  const { connections, warnings, ...rest } = judged;
  const exitCode = judged.ok ? EXIT.done : EXIT.refused;
  const document = { ...rest, connections, exitCode, proofFile: null };
  if (project === null) return { ...document, evidence: null, warnings };
  try {
    const { digest } = await storeEvidence(evidenceFolderOf(project.folder, stack), {
      kind: 'reconciliation',
      deployment: inventory.deployment,
      stack,
      at: clock.now(),
      connections: connections.map(({ name }) => name),
      body: document,
    });
    return { ...document, evidence: digest, warnings };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...document, evidence: null, warnings: [...warnings, `no evidence was kept of this: ${reason}`] };
  }
}
