// `node rehearsal/parties/main.ts --role emr|lis|legacy|new`: one simulated party, told what to do over child_process IPC.
// It ends with its parent.
import { parseArgs } from 'node:util';
import { Party } from './party.ts';
import { envelopeSchema, type Reply, ROLES } from './protocol.ts';

const USAGE = 2;

const { values } = parseArgs({ options: { role: { type: 'string' } } });
const role = ROLES.find((known) => known === values.role);
if (role === undefined || process.send === undefined) {
  process.stderr.write(`a party is started by the rehearsal, with --role ${ROLES.join('|')}\n`);
  process.exit(USAGE);
}

const party = new Party(role);
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the rehearsal decides when its parties end.
process.on('SIGINT', () => undefined);
process.on('message', (message) => {
  const { id, request } = envelopeSchema.parse(message);
  party.handle(request).then(
    (reply: Reply) => process.send?.({ id, reply }),
    (error: unknown) => process.send?.({ id, failed: error instanceof Error ? error.message : String(error) }),
  );
});
