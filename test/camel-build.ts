/**
 * The programs of `test/camel` (a platform and a relay, over camel-main and camel-mllp from Maven), built once for what stands
 * in their sources. What Maven fetches and builds stays in the cache folder, outside the tree.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from '../adapters/cache-folder.ts';

const LIMIT_MS = 900_000;
const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL('camel', import.meta.url));

export const hasCamel = async (): Promise<boolean> =>
  run('java', ['-version'])
    .then(() => run('mvn', ['--version']))
    .then(
      () => true,
      () => false,
    );

/** What Java finds their classes by. */
export async function camelClasses(): Promise<string> {
  const folder = await built();
  return [join(folder, 'classes'), join(folder, 'dependency/*')].join(':');
}

/** A folder of this name is whole. */
async function built(): Promise<string> {
  const names = ['pom.xml', 'src/main/java/Platform.java', 'src/main/java/Relay.java'];
  const texts = await Promise.all(names.map((name) => readFile(join(SOURCES, name))));
  const digest = createHash('sha256').update(Buffer.concat(texts)).digest('hex').slice(0, 16);
  const cache = cacheFolder(process.env);
  await mkdir(cache, { recursive: true });
  const folder = join(cache, `camel-${digest}`);
  if (
    await access(folder).then(
      () => true,
      () => false,
    )
  )
    return folder;
  const work = await mkdtemp(join(cache, 'camel-build-'));
  try {
    await cp(SOURCES, work, { recursive: true });
    const goals = ['-q', '-B', '-ntp', 'package', 'dependency:copy-dependencies', '-DincludeScope=runtime'];
    await run('mvn', goals, { cwd: work, timeout: LIMIT_MS, maxBuffer: 16 * 1024 * 1024 }).catch((error) => {
      throw new Error(`mvn did not build it: ${'stdout' in error ? error.stdout : error}`);
    });
    await rename(join(work, 'target'), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}
