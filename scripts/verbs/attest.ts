/** `attest`: freezes what only a person can say: that an alert reached on-call, that an EMR was reached, under a name. */
import { join } from 'node:path';
import { storeEvidence } from '../../adapters/evidence-files.ts';
import type { ActionDocument } from '../../core/documents.ts';
import { formatAction } from '../runner/each-connection.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, usage } from '../runner/stop.ts';
import type { TaskVerb } from '../runner/verb.ts';

const KINDS = ['alert-receipt', 'connectivity'] as const;
const EXAMPLE =
  'cutover attest --what alert-receipt --by "Dana Ruiz, on-call" --reason "page 4711 acknowledged 21:04" --all';

export const attest: TaskVerb = {
  kind: 'task',
  summary: 'freeze what only a person can say, as evidence for the gate',
  examples: [
    EXAMPLE,
    'cutover attest --what connectivity --by NAME --reason "EMR saw the test order" --connection northside-orders',
  ],
  flags: [...SELECTION_FLAGS, 'what', 'by', 'reason', 'json'],
  selectsAll: false,
  check: ({ what, by, reason }) => {
    if (!KINDS.some((kind) => kind === what)) throw usage(`--what is one of ${KINDS.join(', ')}`, EXAMPLE);
    if (by === undefined || reason === undefined)
      throw usage('who says so, and what happened: --by NAME --reason TEXT', EXAMPLE);
  },
  perform: async (context, args) => {
    const kind = KINDS.find((one) => one === args.what) ?? 'connectivity';
    const connections = context.selected.map(({ name }) => name);
    const { digest } = await storeEvidence(join(stackFolderOf(context), 'evidence'), {
      kind,
      deployment: context.inventory.deployment,
      stack: context.stack,
      at: context.clock.now(),
      connections,
      body: { by: args.by ?? '', reason: args.reason ?? '', recordedBy: context.operator },
    });
    const done = connections.map((name) => ({ name, message: `${kind} attested by ${args.by}: ${digest}` }));
    const document: ActionDocument = {
      verb: 'attest',
      ok: true,
      exitCode: EXIT.done,
      done,
      failed: [],
      nextSteps: ['cutover gate'],
    };
    return { document, text: formatAction(document), exitCode: EXIT.done };
  },
};
