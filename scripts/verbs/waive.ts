/** `waive`: a person with a role gives up one criterion of the gate, for named connections, a reason and a time. */
import { join } from 'node:path';
import { commitFiles } from '../../adapters/git.ts';
import { readLocalSigners } from '../../adapters/signers-file.ts';
import { storeWaiver } from '../../adapters/waiver-files.ts';
import type { ActionDocument } from '../../core/documents.ts';
import { CRITERIA } from '../../core/gate/criteria.ts';
import { judgeWaiver, type Waiver, type WaiverOnFile } from '../../core/gate/waiver.ts';
import { readableTime } from '../../core/readable-time.ts';
import { confirmSigning } from '../approval/confirm.ts';
import { formatAction } from '../runner/each-connection.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import { nameList } from '../runner/name-list.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import { timeOf } from '../runner/time-flag.ts';
import type { TaskVerb } from '../runner/verb.ts';

const EXAMPLE =
  'cutover waive --criterion window --wave pilot --until 2026-03-08T06:00Z --reason "lab is closed" --key FILE';

export const waive: TaskVerb = {
  kind: 'task',
  summary: 'give up one criterion of the gate, signed, for a reason and a time',
  examples: [EXAMPLE],
  flags: [...SELECTION_FLAGS, 'criterion', 'until', 'reason', 'key', 'yes', 'json', 'no-commit'],
  selectsAll: false,
  check: ({ criterion, until, reason, key }) => {
    if (!CRITERIA.some(({ id }) => id === criterion))
      throw usage(`--criterion is one of ${CRITERIA.map(({ id }) => id).join(', ')}`, EXAMPLE);
    if (until === undefined) throw usage('a waiver ends: --until TIME', EXAMPLE);
    if (timeOf('until', until) <= new Date().toISOString()) throw usage('--until has passed', EXAMPLE);
    if (reason === undefined) throw usage('a waiver has a reason: --reason TEXT', EXAMPLE);
    if (key === undefined) throw usage('a waiver is signed: --key FILE', EXAMPLE);
  },
  perform: async (context, args) => {
    const connections = context.selected.map(({ name }) => name).sort();
    const { criterion = '', reason = '', until = '', key = '' } = args;
    const waiver = {
      kind: 'waiver',
      deployment: context.inventory.deployment,
      criterion,
      connections,
      reason,
      notAfter: new Date(timeOf('until', until)).toISOString(),
    } as const;
    const folder = stackFolderOf(context);
    const local = await readLocalSigners(folder, context.inventory.deployment);
    if (local.kind === 'unusable')
      throw new VerbStop(EXIT.refused, {
        code: 'signers-unusable',
        message: local.message,
        next: [`correct ${local.file}`],
      });
    const authority = local.kind === 'read' ? local.authority : null;
    const nowMs = Date.parse(context.clock.now());
    // The gate judges it by the same signers: better said now than on the night.
    const whyNot = (signed: WaiverOnFile): string | null => judgeWaiver(signed, authority, nowMs);
    for (const line of shown(waiver)) context.terminal.show(line);
    await confirmSigning(context, args, 'waive');
    const stored = await storeWaiver(join(folder, 'waivers'), waiver, { keyFile: key, env: context.env }, whyNot);
    if (!stored.ok)
      throw new VerbStop(EXIT.refused, { code: 'not-signed', message: stored.message, next: [stored.remedy] });
    if (args['no-commit'] !== true) await commitFiles(stored.files, `${context.stack}: ${criterion} waived: ${reason}`);
    const done = connections.map((name) => ({
      name,
      message: `${criterion} is waived until ${readableTime(waiver.notAfter)}`,
    }));
    const nextSteps = ['cutover gate (shows it, and whether it counts)'];
    const document: ActionDocument = { verb: 'waive', ok: true, exitCode: EXIT.done, done, failed: [], nextSteps };
    return { document, text: formatAction(document), exitCode: EXIT.done };
  },
};

function shown({ criterion, connections, reason, notAfter }: Waiver): string[] {
  return [
    `waiver of ${criterion}`,
    `  connections  ${connections.length}: ${nameList(connections)}`,
    `  until        ${readableTime(notAfter)}`,
    `  because      ${reason}`,
  ];
}
