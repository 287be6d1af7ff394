/** Where each feed leads its senders, as the edge stack's file has it. Null: this stack has no edge. */
import { join } from 'node:path';
import { readEdgeFile } from '../../adapters/edge-file.ts';
import { edgeStackOf } from '../../core/edge/edge-config.ts';
import { FIRST_PATH, type Target, targetOf } from '../../core/edge/path.ts';
import type { Context } from './context.ts';

/** By connection; one whose path is not known is left out. */
export async function readPaths(context: Context): Promise<ReadonlyMap<string, Target> | null> {
  const { project, stack, terminal, inventory } = context;
  if (project === null) return null;
  const edge = await readEdgeFile(join(project.stackFolder, `Pulumi.${edgeStackOf(stack)}.yaml`));
  switch (edge.kind) {
    case 'absent':
      return null;
    case 'invalid':
      terminal.warn(`where the feeds lead is not known: ${edge.problems.join('; ')}`);
      return new Map();
    case 'read':
      return new Map(
        inventory.feeds.flatMap(({ name, dial, connections }) => {
          const target = dial === null ? targetOf(edge.stack.paths[name] ?? FIRST_PATH) : 'gateway';
          return connections.map((connection) => [connection, target] as const);
        }),
      );
  }
}
