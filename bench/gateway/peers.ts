/** What people put in this place today, each a process of its own that passes on what comes for each of its ports. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { camelClasses, hasCamel } from '../../test/camel-build.ts';
import { freePorts } from './gateway-process.ts';
import { endProcess, Helper, started } from './processes.ts';

export type Peer = { readonly pid: number; readonly ports: readonly number[]; stop(): Promise<void> };
export type PeerName = 'haproxy' | 'relay' | 'camel' | 'medplum';

const START_LIMIT_MS = 60_000;
/** Beside one connection a feed. */
const SPARE_CONNECTIONS = 200;

/** Null: it can be measured here; else what is missing. */
export async function missingFor(name: PeerName): Promise<string | null> {
  switch (name) {
    case 'relay':
      return null;
    case 'haproxy':
      return spawnSync('haproxy', ['-v']).error === undefined ? null : 'it is not installed (apt-get install haproxy)';
    case 'camel':
      return (await hasCamel()) ? null : 'java and mvn are not installed (apt-get install default-jdk-headless maven)';
    case 'medplum':
      return (await hasMedplum()) ? null : '@medplum/hl7 is not installed (npm ci, without --omit=dev)';
  }
}

async function hasMedplum(): Promise<boolean> {
  return import('@medplum/hl7').then(
    () => true,
    () => false,
  );
}

/** `to`: the ports of the receiver, one a feed. */
export async function startPeer(name: PeerName, to: readonly number[], folder: string): Promise<Peer> {
  switch (name) {
    case 'relay':
      return startHelper('./relay.ts', to);
    case 'medplum':
      return startHelper('./medplum.ts', to);
    case 'haproxy':
      return startHaproxy(to, folder);
    case 'camel':
      return startCamel(to, folder);
  }
}

async function startHelper(file: string, to: readonly number[]): Promise<Peer> {
  const helper = new Helper(file);
  const { ports } = await helper.ask<{ readonly ports: readonly number[] }>({ to });
  return { pid: helper.pid, ports, stop: () => helper.stop() };
}

async function startHaproxy(to: readonly number[], folder: string): Promise<Peer> {
  const ports = await freePorts(to.length);
  const pairs = to.map(
    (port, index) => `listen feed${index}\n  bind 127.0.0.1:${ports[index]}\n  server platform 127.0.0.1:${port}\n`,
  );
  const defaults = 'defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n';
  const config = join(folder, 'haproxy.cfg');
  await writeFile(config, `global\n  maxconn ${to.length + SPARE_CONNECTIONS}\n${defaults}${pairs.join('')}`);
  const child = started(spawn('haproxy', ['-db', '-f', config], { stdio: ['ignore', 'ignore', 'inherit'] }));
  await listening(child, 'HAProxy', ports);
  return { pid: child.pid ?? 0, ports, stop: () => endProcess(child, 'SIGKILL') };
}

/** camel-mllp on both sides, the platform's own answer passed on (bench and tests build it together: test/camel). */
async function startCamel(to: readonly number[], folder: string): Promise<Peer> {
  const classes = await camelClasses();
  const ports = await freePorts(to.length);
  const routes = join(folder, 'routes.txt');
  await writeFile(routes, to.map((port, index) => `${ports[index]} ${port}\n`).join(''));
  const child = started(spawn('java', ['-cp', classes, 'Relay', routes], { stdio: ['ignore', 'ignore', 'inherit'] }));
  await listening(child, 'Camel', ports);
  return { pid: child.pid ?? 0, ports, stop: () => endProcess(child, 'SIGKILL') };
}

async function listening(child: ChildProcess, name: string, ports: readonly number[]): Promise<void> {
  const gone = once(child, 'exit').then(([code]): never => {
    throw new Error(`${name} ended with ${code} before it listened`);
  });
  gone.catch(() => undefined);
  for (const port of ports) await Promise.race([untilItListens(port), gone]);
}

async function untilItListens(port: number): Promise<void> {
  const until = Date.now() + START_LIMIT_MS;
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    if (Date.now() > until) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
