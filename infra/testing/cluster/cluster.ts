/**
 * For tests: a real API server of Kubernetes with its etcd, on loopback, with nobody behind it: no controller, no scheduler, no
 * kubelet. It validates, admits and authorizes as any cluster does; no pod ever runs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generate } from 'selfsigned';
import { parse } from 'yaml';
import { freePorts } from '../../../adapters/test-ports.ts';
import { type Api, ApiClient } from './api.ts';
import type { ClusterParts } from './prepare.ts';

const READY_LIMIT_MS = 180_000;
const STEP_MS = 250;

/** Who may ask, with which groups. */
export type People = Readonly<Record<string, readonly string[]>>;

export type Cluster = {
  readonly admin: ApiClient;
  /** For the environment of whoever applies to it. */
  readonly env: Readonly<Record<string, string>>;
  as(person: string): ApiClient;
  stop(): Promise<void>;
};

const ADMIN = 'administrator';

export async function startCluster(parts: ClusterParts, people: People): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'cutover-cluster-'));
  const children: ChildProcess[] = [];
  const output: string[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  const start = (file: string, args: readonly string[]): void => {
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 200) output.shift();
    });
    children.push(child);
  };
  try {
    const [clientPort = 0, peerPort = 0, port = 0] = await freePorts(3);
    const etcd = `http://127.0.0.1:${clientPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    start(parts.etcd, [
      ...['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync'],
      ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ]);
    await writeFiles(folder, people);
    start(parts.apiserver, [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${join(folder, 'tls.crt')}`,
      `--tls-private-key-file=${join(folder, 'tls.key')}`,
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(folder, 'accounts.pub')}`,
      `--service-account-signing-key-file=${join(folder, 'accounts.key')}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      '--endpoint-reconciler-type=none',
    ]);
    const ca = await readFile(join(folder, 'tls.crt'), 'utf8');
    const as = (person: string): ApiClient => new ApiClient({ port, ca, token: tokenOf(person) });
    const admin = as(ADMIN);
    await ready(admin, children, output);
    for (const crd of parts.crds) await define(admin, parse(await readFile(crd, 'utf8')));
    const env = {
      CUTOVER_STAND_IN_CLUSTER: String(port),
      CUTOVER_STAND_IN_CLUSTER_CA: join(folder, 'tls.crt'),
      CUTOVER_STAND_IN_CLUSTER_TOKEN: tokenOf(ADMIN),
    };
    return { admin, env, as, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function writeFiles(folder: string, people: People): Promise<void> {
  const tls = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  await writeFile(join(folder, 'tls.crt'), tls.cert);
  await writeFile(join(folder, 'tls.key'), tls.private, { mode: 0o600 });
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'accounts.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(folder, 'accounts.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const everyone = { ...people, [ADMIN]: ['system:masters'] };
  const lines = Object.entries(everyone).map(
    ([name, groups]) => `${tokenOf(name)},${name},${name},"${groups.join(',')}"`,
  );
  await writeFile(join(folder, 'tokens.csv'), `${lines.join('\n')}\n`);
}

function tokenOf(person: string): string {
  return `token-of-${person}`;
}

async function ready(admin: ApiClient, children: readonly ChildProcess[], output: readonly string[]): Promise<void> {
  const lastMs = Date.now() + READY_LIMIT_MS;
  for (;;) {
    const answer = await admin.ask('GET', '/readyz').catch(() => null);
    if (answer?.status === 200) return;
    const over = children.some(({ exitCode }) => exitCode !== null);
    if (over || Date.now() > lastMs)
      throw new Error(`the API server does not get ready:\n${output.join('').slice(-3000)}`);
    await delay(STEP_MS);
  }
}

/** Until its objects can be made. */
async function define(admin: ApiClient, crd: Api): Promise<void> {
  await admin.apply(crd, { force: true });
  const name = String(Object(crd.metadata).name);
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  const lastMs = Date.now() + READY_LIMIT_MS;
  for (;;) {
    const { body } = await admin.ask('GET', path);
    const conditions: readonly { type: string; status: string }[] = Object(body.status).conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return;
    if (Date.now() > lastMs) throw new Error(`${name} does not get established`);
    await delay(STEP_MS);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
