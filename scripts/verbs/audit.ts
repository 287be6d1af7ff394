/** `audit`: takes the whole record out of the systems, and judges it anywhere, offline. */
import { exportAudit } from '../audit/export.ts';
import { verifyExport } from '../audit/verify.ts';
import type { PlainVerb } from '../runner/verb.ts';

export const audit: PlainVerb = {
  kind: 'plain',
  summary: 'export the record of every decision, or verify such an export offline',
  examples: [
    'cutover audit export --out audit-2026-03',
    'cutover audit verify --in audit-2026-03 --signers stacks/production',
    'cutover audit verify --in audit-2026-03 --signers trusted --checkpoints kept --json',
  ],
  flags: ['stack', 'project', 'out', 'in', 'signers', 'checkpoints', 'json'],
  word: { name: 'ACTION', choices: ['export', 'verify'] },
  perform: (around, args, { word }) => (word === 'export' ? exportAudit(around, args) : verifyExport(around, args)),
};
