/**
 * Apache Camel (camel-main, camel-mllp from Maven) as the new platform: another product, in another language, with habits of
 * its own. Needs Java and Maven.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'vitest';
import { freePorts } from '../adapters/test-ports.ts';
import { camelClasses, hasCamel } from './camel-build.ts';
import { DRIFTS, OWN_NAME, tellForeignStory } from './foreign-platform.ts';
import { end, type ForeignPlatform } from './proof-site.ts';

const LIMIT_MS = 900_000;

const camel: ForeignPlatform = async (leg) => {
  const classes = await camelClasses();
  const [port = 0] = await freePorts(1);
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
    if (!(await hasCamel())) context.skip('java and mvn are not installed: apt-get install default-jdk-headless maven');
    await tellForeignStory(camel);
  },
  LIMIT_MS,
);
