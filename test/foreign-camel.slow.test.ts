/**
 * Apache Camel (camel-main, camel-mllp from Maven) as the new platform: another product, in another language, with habits of
 * its own. Needs Java and Maven; what they fetch and build stays in the cache folder, outside the tree.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { test } from 'vitest';
import { cacheFolder } from '../adapters/cache-folder.ts';
import { freePorts } from '../adapters/test-ports.ts';
import { DRIFTS, OWN_NAME, tellForeignStory } from './foreign-platform.ts';
import { end, type ForeignPlatform } from './proof-site.ts';
import { REPOSITORY } from './verbs-harness.ts';

const LIMIT_MS = 900_000;
const run = promisify(execFile);
const SOURCES = join(REPOSITORY, 'test/camel');

const isThere = async (): Promise<boolean> =>
  run('java', ['-version'])
    .then(() => run('mvn', ['--version']))
    .then(
      () => true,
      () => false,
    );

/** Built once for what stands in the sources; a folder of this name is whole. */
async function built(): Promise<string> {
  const texts = await Promise.all(
    ['pom.xml', 'src/main/java/Platform.java'].map((name) => readFile(join(SOURCES, name))),
  );
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

const camel: ForeignPlatform = async (leg) => {
  const folder = await built();
  const [port = 0] = await freePorts(1);
  const classes = [join(folder, 'classes'), join(folder, 'dependency/*')].join(':');
  const own = ['Platform', port, leg, OWN_NAME, DRIFTS.id, DRIFTS.code].map(String);
  const child: ChildProcess = spawn('java', ['-Xmx256m', '-cp', classes, ...own], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('its output is piped');
  const ready = once(createInterface(child.stdout), 'line');
  const over = once(child, 'exit').then(([code]): never => {
    throw new Error(`Camel ended with ${code}`);
  });
  over.catch(() => undefined);
  await Promise.race([ready, over]);
  return { port, stop: () => end(child) };
};

test(
  'given Apache Camel as the new platform, then it is compared, takes over, and nothing is lost',
  async (context) => {
    if (!(await isThere())) context.skip('java and mvn are not installed: apt-get install default-jdk-headless maven');
    await tellForeignStory(camel);
  },
  LIMIT_MS,
);
