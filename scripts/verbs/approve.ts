/** `approve`: signs a move towards new, or adds a second person's signature to what the first one signed. */
import { signDocument } from '../approval/sign.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { usage } from '../runner/stop.ts';
import { timeOf } from '../runner/time-flag.ts';
import type { TaskVerb } from '../runner/verb.ts';

export const approve: TaskVerb = {
  kind: 'task',
  summary: 'sign an approval of a switch, on frozen evidence; the gateway verifies it',
  examples: [
    'cutover approve --wave pilot --from 2026-03-07T22:00-06:00 --until 2026-03-08T04:00-06:00 --attempts 2 --key ~/.ssh/id_ed25519',
    'cutover approve --document sha256:9f2c… --key ~/.ssh/id_ed25519',
    'cutover approve --connection northside-orders --target parallel --max-weight 20 --until 2026-03-08T04:00Z --key KEY --yes',
  ],
  flags: [
    ...SELECTION_FLAGS,
    'document',
    'evidence',
    'from',
    'until',
    'target',
    'max-weight',
    'attempts',
    'key',
    'yes',
    'json',
    'no-commit',
  ],
  selectsAll: true,
  check: (args) => checkSigning('approve', args),
  perform: (context, args) => signDocument(context, args, 'approval'),
};

export function checkSigning(verb: 'approve' | 'signoff', args: Args): void {
  const example = `cutover ${verb} --document DIGEST --key ~/.ssh/id_ed25519`;
  if (args.key === undefined) throw usage(`'${verb}' signs with a key of yours: --key FILE`, example);
  const made = ['from', 'until', 'evidence', 'target', 'max-weight', 'attempts', 'accept'] as const;
  const given = made.find((name) => args[name] !== undefined);
  if (args.document !== undefined && given !== undefined) {
    throw usage(`--document is signed as it stands: --${given} cannot change it`, example);
  }
  if (args.document === undefined && args.until === undefined) {
    throw usage(
      `'${verb}' makes a document that ends: --until TIME`,
      `cutover ${verb} --wave pilot --until 2026-03-08T04:00Z --key KEY`,
      example,
    );
  }
  for (const flag of ['from', 'until'] as const) {
    const time = args[flag];
    if (time !== undefined) timeOf(flag, time);
  }
  const selects = ['connection', 'feed', 'wave', 'practice', 'all'] as const;
  if (args.document === undefined && selects.every((name) => args[name] === undefined)) {
    throw usage(`'${verb}' names no connections`, `cutover ${verb} --wave pilot …`, `cutover ${verb} --all …`);
  }
}
