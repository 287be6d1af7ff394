// The folder of the Node that runs Pulumi programs: this process's own where it is new enough to run TypeScript, else the
// one pinned in package.json.
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** From here on Node runs .ts files without a flag or a warning. */
const TYPE_STRIPPING_MAJOR = 24;

export async function nodeFolder(): Promise<string> {
  if (Number(process.versions.node.split('.')[0]) >= TYPE_STRIPPING_MAJOR) return dirname(process.execPath);
  const pinned = join(import.meta.dirname, '..', '..', 'node_modules', '.bin', 'node');
  return dirname(await realpath(pinned));
}
