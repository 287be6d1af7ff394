/**
 * A temporary folder for one run of the Pulumi engine. The CLI, its language host and its plugins leave logs
 * (`pulumi.*.log.INFO.*`) and the pipes to their programs behind; here they go with the run, also where it failed. What a
 * killed verb leaves is removed by a later one, once no update can still be using it.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'cutover-pulumi-';
/** As mkdtemp names them; the verbs' copies of stack files too. */
const LEFT_BEHIND = /^cutover-(?:pulumi|config|edge)-[A-Za-z0-9]{6}$/;
const UNUSED_AFTER_MS = 24 * 3_600_000;

/** `noFolder`: what it comes to where none can be made; a full disk must not stop a verb that can do without the engine. */
export async function withEngineScratch<T>(
  work: (folder: string) => Promise<T>,
  noFolder: (message: string) => T,
): Promise<T> {
  const parent = tmpdir();
  const made = await mkdtemp(join(parent, PREFIX)).then(
    (folder) => ({ folder }),
    (error: unknown) => ({ error }),
  );
  if ('error' in made) {
    const why = made.error instanceof Error ? made.error.message : String(made.error);
    return noFolder(
      `no temporary folder can be made in ${parent} (${why}): make room, or name another one with TMPDIR`,
    );
  }
  try {
    return await work(made.folder);
  } finally {
    await remove(made.folder);
  }
}

/** What runs that were killed have left, of this user. */
export async function sweepEngineScratch(nowMs: number): Promise<void> {
  const parent = tmpdir();
  const names = await readdir(parent).catch(() => []);
  for (const name of names.filter((each) => LEFT_BEHIND.test(each))) {
    const folder = join(parent, name);
    const found = await stat(folder).catch(() => null);
    if (found === null || found.uid !== process.getuid?.() || nowMs - found.mtimeMs < UNUSED_AFTER_MS) continue;
    await remove(folder);
  }
}

/** A plugin that ends last may still write while its folder goes. What then stays is swept later: the result counts. */
async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
}
