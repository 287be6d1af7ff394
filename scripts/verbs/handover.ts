/** `handover`: whether the new owners have what they need; --pack writes it: a sheet a connection, and the operations bundle. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CREDENTIAL_VARIABLES } from '../../adapters/gateway-admin.ts';
import { connectionSheet, unnamedParties } from '../../core/connection-sheet.ts';
import type { HandoverDocument } from '../../core/documents.ts';
import type { Context } from '../runner/context.ts';
import { SELECTION_FLAGS } from '../runner/flags.ts';
import { productFile } from '../runner/product-folder.ts';
import { EXIT, usage } from '../runner/stop.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const handover: TaskVerb = {
  kind: 'task',
  summary: 'whether the new owners have what they need; --pack writes it for them',
  examples: ['cutover handover', 'cutover handover --pack /secure/handover'],
  flags: [...SELECTION_FLAGS, 'pack', 'json'],
  selectsAll: true,
  perform: async (context, args) => {
    const { selected, inventory } = context;
    const missing = selected
      .map((connection) => ({ connection: connection.name, parties: [...unnamedParties(connection)] }))
      .filter(({ parties }) => parties.length > 0);
    const written = args.pack === undefined ? null : await writePack(context, resolve(context.cwd, args.pack));
    return printed({
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
  await mkdir(join(folder, 'sheets'), { recursive: true });
  await mkdir(join(folder, 'runbooks'));
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

function printed(found: Omit<HandoverDocument, 'ok' | 'exitCode' | 'nextSteps'>): Printed {
  const ok = found.missing.length === 0;
  const exitCode = ok ? EXIT.done : EXIT.refused;
  const nextSteps = ok ? [] : ['name someone for each party under `owners` in the inventory'];
  if (found.pack === null) nextSteps.push('cutover handover --pack DIR');
  const document: HandoverDocument = { ...found, ok, exitCode, nextSteps };
  const lines = [
    ...found.missing.map(({ connection, parties }) => `  ✗ ${connection}: nobody is named for ${parties.join(', ')}`),
    ...found.warnings.map((warning) => `  ! ${warning}`),
    `handover of ${found.deployment}: ${found.connections} connections, ${found.missing.length} without an owner for each party, ${found.withoutEdgeCases} without edge cases`,
    ...(found.pack === null ? [] : [`${found.pack.files} files in ${found.pack.folder}`]),
    ...nextSteps.map((step) => `  next: ${step}`),
  ];
  return { document, text: `${lines.join('\n')}\n`, exitCode };
}
