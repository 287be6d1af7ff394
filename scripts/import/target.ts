/** The inventory that an import writes into, and what the last import remembered beside it. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readStackFile } from '../../adapters/stack-file.ts';
import { newInventoryText } from '../../core/import/merge.ts';
import type { KnownPorts, ProposeOptions } from '../../core/import/propose.ts';
import { type ImportState, importStateSchema, NO_STATE } from '../../core/import/state.ts';
import { type Inventory, parseInventory } from '../../core/inventory.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import type { Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { chooseStack, findProject, inventoryFileOf } from '../runner/project.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';

export type Target = {
  readonly stack: string;
  readonly inventoryFile: string;
  readonly stateFile: string;
  readonly text: string;
  readonly isNew: boolean;
  readonly inventory: Inventory;
  readonly state: ImportState;
};

export async function openTarget(args: Args, { cwd, env }: Surroundings): Promise<Target> {
  const project = await findProject(cwd, args.project, env);
  const { stack, file } = await chooseStack(project, args.stack ?? env.CUTOVER_STACK, 'new');
  const stackFile = await readStackFile(file);
  const inventoryFile = inventoryFileOf(project, stack, stackFile.ok ? stackFile.value : null);
  const present = await textOf(inventoryFile);
  const text = present ?? newInventoryText(stack);
  const parsed = parseInventory(text, inventoryFile);
  if (!parsed.ok) {
    const message = formatProblems(parsed.problems);
    throw new VerbStop(EXIT.usage, {
      code: 'inventory-invalid',
      message,
      next: [`correct ${inventoryFile}, then import again`],
    });
  }
  const stateFile = join(dirname(inventoryFile), 'import.json');
  return {
    stack,
    inventoryFile,
    stateFile,
    text,
    isNew: present === null,
    inventory: parsed.value,
    state: await readState(stateFile),
  };
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function readState(file: string): Promise<ImportState> {
  const text = await textOf(file);
  if (text === null) return NO_STATE;
  try {
    return importStateSchema.parse(JSON.parse(text));
  } catch {
    throw usage(
      `${file} is not what an import wrote`,
      'take it from the repository again; without it a rerun cannot tell your edits from changes of legacy',
    );
  }
}

export function proposeOptions({ inventory, state }: Target, args: Args): ProposeOptions {
  const known = [...Object.entries(state.feeds), ...Object.entries(state.connections)];
  const ports = inventory.connections.flatMap(({ name, previousNames, legs, feed }) => {
    const own = inventory.feeds.find((each) => each.name === feed);
    const known = { feed: own?.port ?? null, legacyLeg: legs.legacy.port, newLeg: legs.new.port };
    return [name, ...previousNames].map((each): [string, KnownPorts] => [each, known]);
  });
  // A feed of one connection has its name: what is known of the connection says more.
  const shared = inventory.feeds.map(({ name, port }): [string, KnownPorts] => [
    name,
    { feed: port, legacyLeg: null, newLeg: null },
  ]);
  return {
    knownNames: new Map(known.map(([key, { name }]) => [key, name])),
    knownPorts: new Map([...shared, ...ports]),
    takenNames: new Set([
      ...inventory.feeds.map(({ name }) => name),
      ...inventory.connections.flatMap(({ name, previousNames }) => [name, ...previousNames]),
      ...known.map(([, { name }]) => name),
    ]),
    takenPorts: new Set([
      ...inventory.gateways.map(({ admin }) => Number(new URL(admin).port || 443)),
      ...inventory.feeds.map(({ port }) => port),
      ...inventory.connections.flatMap(({ legs }) => [legs.legacy.port, legs.new.port]),
    ]),
    hosts: hostsOf(state, args),
  };
}

/** What this command line says, else what an earlier one said: a rerun without the flags is no move to other hosts. */
export function hostsOf({ hosts }: ImportState, args: Args): ImportState['hosts'] {
  const legacy = args['legacy-host'] ?? hosts.legacy;
  const next = args['new-host'] ?? hosts.new;
  return { ...(legacy === undefined ? {} : { legacy }), ...(next === undefined ? {} : { new: next }) };
}
