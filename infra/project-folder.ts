/** The folder of Pulumi.yaml, where the paths in a stack's config start, as program and provider find it. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Names the folder outright; needed where a project links to the program's folder instead of holding it. */
const PROJECT_VARIABLE = 'CUTOVER_PROJECT';

/** `here`: a folder of this repository, the last resort. */
export function projectFolder(here: string): string {
  const named = process.env[PROJECT_VARIABLE];
  if (named !== undefined && named !== '') return named;
  for (const start of [logicalFolder(), process.cwd(), here]) {
    const found = start === null ? null : findUpwards(start);
    if (found !== null) return found;
  }
  throw new Error('no Pulumi.yaml in this folder or above');
}

/** The working folder with its links kept: a project may link to the program's folder instead of copying it. */
function logicalFolder(): string | null {
  const { PWD } = process.env;
  if (PWD === undefined || !existsSync(PWD)) return null;
  return realpathSync(PWD) === realpathSync(process.cwd()) ? PWD : null;
}

function findUpwards(folder: string): string | null {
  if (existsSync(join(folder, 'Pulumi.yaml'))) return folder;
  const parent = dirname(folder);
  return parent === folder ? null : findUpwards(parent);
}
