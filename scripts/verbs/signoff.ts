/** `signoff`: Lab Operations sign, on a balanced reconciliation, that legacy may go. */
import { signDocument } from '../approval/sign.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import type { TaskVerb } from '../runner/verb.ts';
import { checkSigning } from './approve.ts';

export const signoff: TaskVerb = {
  kind: 'task',
  summary: 'sign that connections may be decommissioned, on their reconciliation',
  examples: [
    'cutover signoff --wave pilot --until 2026-04-01T06:00Z --key ~/.ssh/id_ed25519',
    'cutover signoff --connection northside-orders --until 2026-04-01T06:00Z --accept open --key KEY --yes',
  ],
  flags: [...SELECTION_FLAGS, 'document', 'evidence', 'from', 'until', 'accept', 'key', 'yes', 'json', 'no-commit'],
  selectsAll: true,
  check: (args) => checkSigning('signoff', args),
  perform: (context, args) => signDocument(context, args, 'signoff'),
};
