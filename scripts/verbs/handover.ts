/**
 * `handover`, `handover status`: whether the new owners have what they need, by the inventory and by handover.yaml; --pack writes it
 * for them: a sheet a connection, and the operations bundle.
 */

import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { listEvidence } from '../../adapters/evidence-files.ts';
import { CREDENTIAL_VARIABLES } from '../../adapters/gateway-admin.ts';
import { makeFolder } from '../../adapters/make-folder.ts';
import { connectionSheet, unnamedParties } from '../../core/connection-sheet.ts';
import { counted } from '../../core/count-words.ts';
import type { HandoverDocument } from '../../core/documents.ts';
import { handoverAsOf, isOnCall, openRecords, parseHandover, withoutEvidence } from '../../core/gate/handover.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import { readableTime } from '../../core/readable-time.ts';
import type { Context } from '../runner/context.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import { productFile } from '../runner/product-folder.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const handover: TaskVerb = {
  kind: 'task',
  summary: 'whether the new owners have what they need; --pack writes it for them',
  examples: ['cutover handover status', 'cutover handover --pack /secure/handover'],
  flags: [...SELECTION_FLAGS, 'pack', 'json'],
  selectsAll: true,
  word: { name: 'ACTION', choices: ['status'] },
  perform: async (context, args) => {
    const { selected, inventory } = context;
    const missing = selected
      .map((connection) => ({ connection: connection.name, parties: [...unnamedParties(connection)] }))
      .filter(({ parties }) => parties.length > 0);
    const written = args.pack === undefined ? null : await writePack(context, resolve(context.cwd, args.pack));
    const found = await readRecords(context);
    return printed({
      records: found,
      lastAlert: await lastAlertOf(context),
      verb: 'handover',
      deployment: inventory.deployment,
      connections: selected.length,
      missing,
      withoutEdgeCases: selected.filter(({ edgeCases }) => edgeCases.length === 0).length,
      pack: written === null ? null : { folder: written.folder, files: written.files },
      warnings: written?.warnings ?? [],
    });
  },
};

type Written = { readonly folder: string; readonly files: number; readonly warnings: string[] };

/** Never over something else: an old sheet among new ones would be believed. */
async function writePack(context: Context, folder: string): Promise<Written> {
  const present = await readdir(folder).catch(() => []);
  if (present.length > 0) throw usage(`${folder} is not empty`, 'name a new folder with --pack DIR');
  const warnings: string[] = [];
  const { inventory, inventoryPath, selected, env } = context;
  makeFolder(join(folder, 'sheets'));
  makeFolder(join(folder, 'runbooks'));
  for (const connection of selected) {
    await writeFile(join(folder, 'sheets', `${connection.name}.md`), connectionSheet(inventory, connection));
  }
  const runbooks = (await readdir(productFile('runbooks'))).filter((name) => name.endsWith('.md'));
  for (const name of runbooks) await copyFile(productFile(`runbooks/${name}`), join(folder, 'runbooks', name));
  await copyFile(inventoryPath, join(folder, 'inventory.yaml'));
  let certificates = 0;
  for (const { shard } of inventory.gateways) {
    const { certificate } = CREDENTIAL_VARIABLES;
    const named = env[`${certificate}_${shard}`] ?? env[certificate];
    const pem = named === undefined ? null : await readFile(named, 'utf8').catch(() => null);
    if (pem === null) {
      warnings.push(`no certificate of the gateway of shard ${shard}: set ${certificate}_${shard} to its path`);
      continue;
    }
    await writeFile(join(folder, `admin-${shard}.crt`), pem);
    certificates++;
  }
  await writeFile(join(folder, 'README.md'), readme(context));
  return { folder, files: selected.length + runbooks.length + certificates + 2, warnings };
}

/** The bundle needs no repository, Pulumi or database; tokens are never in it. */
function readme({ inventory }: Context): string {
  const shards = inventory.gateways.map(({ shard }) => shard);
  const { token, clientCertificate, clientKey } = CREDENTIAL_VARIABLES;
  return [
    `# Operations bundle of ${inventory.deployment}`,
    '',
    'Enough to look and to roll back when repository, Pulumi backend and database are gone: `inventory.yaml`, the certificates',
    'of the gateways, a sheet a connection, the runbooks. **No token is in it.** Take them from where operators keep secrets:',
    '',
    '```sh',
    ...shards.map((shard) => `export ${token}_${shard}=…`),
    `export ${clientCertificate}=… ${clientKey}=…    # where gateways ask for a client certificate`,
    'cutover status --inventory inventory.yaml',
    'cutover rollback --inventory inventory.yaml --connection NAME --reason "WHAT IS WRONG" --yes',
    '```',
    '',
    'Afterwards: `runbooks/rollback.md`. When the rest is back: `cutover sync --all` from the repository.',
    '',
  ].join('\n');
}

type Records = NonNullable<HandoverDocument['records']>;

async function readRecords(context: Context): Promise<Records | null> {
  const file = join(stackFolderOf(context), 'handover.yaml');
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  const parsed = parseHandover(text, file);
  if (!parsed.ok) {
    const message = formatProblems(parsed.problems);
    throw new VerbStop(EXIT.usage, { code: 'handover-invalid', message, next: [`correct ${file}`] });
  }
  const today = handoverAsOf(parsed.value, Date.parse(context.clock.now()));
  const { onCall } = today;
  const waves = [...new Set(context.selected.map(({ wave }) => wave))];
  const vendors = [...new Set(context.selected.flatMap(({ owners }) => owners.emr ?? []))];
  const teams = [...new Set(context.selected.flatMap(({ owners }) => owners.new ?? []))];
  const names = (people: readonly { readonly name: string }[]): string[] => people.map(({ name }) => name);
  return {
    file: `stacks/${context.stack}/handover.yaml`,
    open: openRecords(today, { waves, vendors, teams }).map((record) => ({ ...record })),
    withoutEvidence: [...withoutEvidence(today)],
    onCall: onCall.map(({ team, from, people, backup, backupUntil }) => ({
      team,
      from: from ?? null,
      people: names(people),
      backup: names(backup),
      backupUntil: backupUntil ?? null,
    })),
  };
}

async function lastAlertOf(context: Context): Promise<HandoverDocument['lastAlert']> {
  const folder = stackFolderOf(context);
  const { found } = await listEvidence(join(folder, 'evidence'), 'alert-receipt');
  const newest = found.map(({ evidence }) => evidence).sort((a, b) => b.at.localeCompare(a.at))[0];
  const by = z.object({ by: z.string() }).safeParse(newest?.body);
  if (newest === undefined || !by.success) return null;
  const text = await readFile(join(folder, 'handover.yaml'), 'utf8').catch(() => '');
  const parsed = parseHandover(text, 'handover.yaml');
  return { by: by.data.by, at: newest.at, isOnCall: parsed.ok ? isOnCall(parsed.value, by.data.by) : null };
}

function onCallLines(onCall: Records['onCall'], alert: HandoverDocument['lastAlert']): readonly string[] {
  return [
    ...onCall.map(({ team, from, people, backup, backupUntil }) => {
      const behind =
        backup.length === 0 ? '' : `; backup until ${backupUntil ?? 'further notice'}: ${backup.join(', ')}`;
      return `  on call of ${team}${from === null ? '' : ` from ${from}`}: ${people.join(', ')}${behind}`;
    }),
    alert === null
      ? '  ! no synthetic alert was acknowledged'
      : `  synthetic alert acknowledged by ${alert.by} at ${readableTime(alert.at)}${alert.isOnCall === false ? ', who is not on call' : ''}`,
  ];
}

function printed(found: Omit<HandoverDocument, 'ok' | 'exitCode' | 'nextSteps'>): Printed {
  const { records, lastAlert } = found;
  const open = records?.open ?? [];
  const ok = found.missing.length === 0 && records !== null && open.length === 0;
  const exitCode = ok ? EXIT.done : EXIT.refused;
  const nextSteps: string[] = [];
  if (found.missing.length > 0) nextSteps.push('name someone for each party under `owners` in the inventory');
  if (records === null) nextSteps.push('write handover.yaml beside the inventory: docs/reference/gate.md');
  if (open.length > 0) nextSteps.push('write `agreed`, `done` or `sent` with its date into handover.yaml');
  if (lastAlert === null || lastAlert.isOnCall === false)
    nextSteps.push('let a synthetic alert reach the new on-call: runbooks/monitor.md');
  if (found.pack === null) nextSteps.push('cutover handover --pack DIR');
  const document: HandoverDocument = { ...found, ok, exitCode, nextSteps };
  const lines = [
    ...found.missing.map(({ connection, parties }) => `  ✗ ${connection}: nobody is named for ${parties.join(', ')}`),
    ...open.map(({ area, what, owner }) => `  ✗ ${area}: ${what} (${owner})`),
    ...(records?.withoutEvidence ?? []).map((what) => `  ! done, without evidence: ${what}`),
    ...(records === null ? ['  ✗ there is no handover.yaml'] : []),
    ...onCallLines(records?.onCall ?? [], lastAlert),
    ...found.warnings.map((warning) => `  ! ${warning}`),
    `handover of ${found.deployment}: ${counted(found.connections, 'connection')}, ${found.missing.length} without an owner for each party, ${found.withoutEdgeCases} without edge cases`,
    ...(found.pack === null ? [] : [`${counted(found.pack.files, 'file')} in ${found.pack.folder}`]),
    ...nextSteps.map((step) => `  next: ${step}`),
  ];
  return { document, text: `${lines.join('\n')}\n`, exitCode };
}
