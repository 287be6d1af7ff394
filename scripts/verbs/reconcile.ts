/** `reconcile`: every obligation accounted for, end to end, against outside records where there are any. */
import { evidenceFolderOf, storeEvidence } from '../../adapters/evidence-files.ts';
import type { Postgres } from '../../adapters/postgres.ts';
import { writeProofFile } from '../../adapters/proof-file.ts';
import type { ReconcileDocument } from '../../core/reconcile/document.ts';
import { formatReconcile } from '../reconcile/print.ts';
import { type Judged, judge, withProofStore } from '../reconcile/reconcile.ts';
import { verify } from '../reconcile/verify.ts';
import { type Context, closeContext, openContext, type Surroundings } from '../runner/context.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { outputFile } from '../runner/output-file.ts';
import { EXIT } from '../runner/stop.ts';
import type { PlainVerb, Printed } from '../runner/verb.ts';

export const reconcile: PlainVerb = {
  kind: 'plain',
  summary: 'account for every message, against outside records where there are any',
  examples: [
    'cutover reconcile --since 12h',
    'cutover reconcile --verify proof.ndjson',
    'cutover reconcile --wave pilot --lis lis.csv --emr emr.csv --map stacks/local/outside.yaml --json',
  ],
  flags: [...SELECTION_FLAGS, 'since', 'until', 'lis', 'emr', 'map', 'attest', 'proof', 'verify', 'root', 'json'],
  perform,
};

async function perform(around: Surroundings, args: Args): Promise<Printed> {
  if (args.verify !== undefined) return verify(args.verify, args);
  if (args.proof !== undefined) outputFile(around, 'proof', args.proof);
  const context = await openContext('reconcile', args, around, { selectsAll: true, withoutStackFile: false });
  try {
    const document = await withProofStore(context, async (postgres) => {
      const judged = await judge(context, args, postgres);
      return freeze(context, judged, await proofFileOf(context, args, postgres, judged));
    });
    return {
      document,
      text: formatReconcile(document, args.until === undefined),
      exitCode: document.ok ? EXIT.done : EXIT.refused,
    };
  } finally {
    await closeContext(context);
  }
}

/** Of exactly the window that was judged. */
async function proofFileOf(
  { selected, terminal }: Context,
  { proof }: Args,
  postgres: Postgres,
  { deployment, window }: Judged,
): Promise<ReconcileDocument['proofFile']> {
  if (proof === undefined) return null;
  terminal.progress(`reconcile: writing ${proof}`);
  const connections = selected.map(({ name }) => name);
  const times = { sinceMs: Date.parse(window.since), untilMs: Date.parse(window.until) };
  const { root, messages } = await writeProofFile(proof, postgres, { deployment, connections, ...times });
  return { file: proof, root, messages };
}

/** What a gate and a sign-off rest on later, green or red. Where it cannot be written the figures are still told. */
async function freeze(
  { project, stack, inventory, clock }: Context,
  judged: Judged,
  proofFile: ReconcileDocument['proofFile'],
): Promise<ReconcileDocument> {
  const { connections, warnings, ...rest } = judged;
  const exitCode = judged.ok ? EXIT.done : EXIT.refused;
  const document = { ...rest, connections, exitCode, proofFile };
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
