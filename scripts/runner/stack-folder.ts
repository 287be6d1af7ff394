/** `stacks/<stack>` of the project: what stays of a stack, beside its stack file. */
import { join } from 'node:path';
import type { Context } from './context.ts';
import { usage } from './stop.ts';

export function stackFolderOf({ project, stack, verb }: Context): string {
  if (project === null)
    throw usage(`'${verb}' needs the project, not only an inventory`, 'run it in the project folder');
  return join(project.folder, 'stacks', stack);
}
