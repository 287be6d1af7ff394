/**
 * For tests: what a real API server of Kubernetes needs, kept in the product's cache by version: the server itself, built through
 * the Go module proxy once, and the definitions of others' objects (CRDs) as their projects publish them. etcd comes from the
 * system's packages.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { cacheFolder } from '../../../adapters/cache-folder.ts';
import { findGo } from '../../engine/go-build.ts';
import { withLock } from '../../engine/lock.ts';
import { findOnPath, isExecutable } from '../../engine/probe.ts';
import { runStep } from '../../engine/run.ts';

const run = promisify(execFile);

export const KUBERNETES_VERSION = '1.34.4';
const BUILD_LIMIT_MS = 40 * 60_000;
const HEARTBEAT_MS = 15_000;
/** Debian keeps it out of the way of users. */
const ETCD_PLACES = ['/usr/bin/etcd', '/usr/sbin/etcd'];

type CrdSource = { readonly module: string; readonly sum: string; readonly files: readonly string[] };

/** `sum` is what `go mod download` must find, so a changed module is no module. */
const CRDS: readonly CrdSource[] = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    files: [
      'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml',
      'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    ],
  },
  {
    module: 'sigs.k8s.io/secrets-store-csi-driver@v1.4.8',
    sum: 'h1:YmL0lx9HMYqeZCnLyOZRMuGAZXmP/e42UGCCAnMKjgE=',
    files: ['config/crd/bases/secrets-store.csi.x-k8s.io_secretproviderclasses.yaml'],
  },
];

export type ClusterParts = {
  readonly apiserver: string;
  readonly etcd: string;
  /** Absolute paths of YAML files. */
  readonly crds: readonly string[];
};

export type Prepared =
  | { readonly ok: true; readonly parts: ClusterParts }
  | { readonly ok: false; readonly reason: string };

function folderOf(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'kube-apiserver', `${KUBERNETES_VERSION}-${process.platform}-${process.arch}`);
}

/** What is there already; nothing is built, downloaded or installed. */
export async function findParts(env: NodeJS.ProcessEnv): Promise<ClusterParts | null> {
  const folder = folderOf(env);
  const apiserver = join(folder, 'kube-apiserver');
  const crds = CRDS.flatMap(({ files }) => files).map((file) => join(folder, crdName(file)));
  const etcd = await findEtcd(env);
  const isWhole = (await isExecutable(apiserver)) && (await Promise.all(crds.map(isThere))).every((there) => there);
  return etcd !== null && isWhole ? { apiserver, etcd, crds } : null;
}

export async function prepareCluster(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<Prepared> {
  const there = await findParts(env);
  if (there !== null) return { ok: true, parts: there };
  const etcd = (await findEtcd(env)) ?? (await installEtcd(say));
  if (etcd === null)
    return { ok: false, reason: 'etcd is not there, and only root can install it (apt-get install etcd-server)' };
  const go = await findGo(env);
  if (go === null) return { ok: false, reason: '`go` is not on PATH: nothing can build kube-apiserver' };
  const folder = folderOf(env);
  const lock = {
    file: join(folder, '..', 'lock'),
    onWait: () => say('another process prepares kube-apiserver: waiting for it'),
  };
  const failure = await withLock(lock, async () => {
    if ((await findParts(env)) !== null) return null;
    return fill(folder, go, env, say);
  });
  if (failure !== null) return { ok: false, reason: failure };
  const parts = await findParts(env);
  return parts === null ? { ok: false, reason: `${folder} is not whole after its build` } : { ok: true, parts };
}

async function findEtcd(env: NodeJS.ProcessEnv): Promise<string | null> {
  const onPath = await findOnPath('etcd', env.PATH ?? '');
  if (onPath !== null) return onPath;
  for (const place of ETCD_PLACES) if (await isExecutable(place)) return place;
  return null;
}

async function installEtcd(say: (line: string) => void): Promise<string | null> {
  if (process.getuid?.() !== 0) return null;
  say('installing etcd-server');
  // Without RUNLEVEL its package would start it as a service.
  const env = { ...process.env, RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update', '-qq'], { env });
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'etcd-server'], { env });
  } catch (error) {
    say(`etcd-server cannot be installed: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    return null;
  }
  return findEtcd(process.env);
}

/** Built aside, then renamed: a folder is whole or not there. Null: done; else why not. */
async function fill(
  folder: string,
  go: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<string | null> {
  await mkdir(join(folder, '..'), { recursive: true });
  const aside = await mkdtemp(join(folder, '..', 'aside-'));
  try {
    for (const source of CRDS) await copyCrds(source, go, aside);
    const built = await build(go, join(aside, 'kube-apiserver'), env, say);
    if (!built.ok) return `${go} could not build kube-apiserver: ${built.reason}`;
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function copyCrds({ module, sum, files }: CrdSource, go: string, to: string): Promise<void> {
  const { stdout } = await run(go, ['mod', 'download', '-json', module], { env: { ...process.env, GOWORK: 'off' } });
  const found = z.object({ Dir: z.string(), Sum: z.string() }).parse(JSON.parse(stdout));
  if (found.Sum !== sum) throw new Error(`${module} is not what it was: ${found.Sum}`);
  for (const file of files) await copyFile(join(found.Dir, file), join(to, crdName(file)));
}

async function build(go: string, output: string, env: NodeJS.ProcessEnv, say: (line: string) => void) {
  const startedMs = performance.now();
  const report = (): void =>
    say(
      `building kube-apiserver ${KUBERNETES_VERSION} (4 to 8 minutes, once): ${seconds(performance.now() - startedMs)}`,
    );
  report();
  const heartbeat = setInterval(report, HEARTBEAT_MS);
  try {
    return await runStep({
      file: go,
      args: ['build', '-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', output, PACKAGE],
      cwd: join(import.meta.dirname, 'kube-apiserver'),
      env: { ...env, GOWORK: 'off', CGO_ENABLED: '0' },
      limitMs: BUILD_LIMIT_MS,
    });
  } finally {
    clearInterval(heartbeat);
  }
}

const PACKAGE = 'k8s.io/kubernetes/cmd/kube-apiserver';

function crdName(file: string): string {
  return file.split('/').at(-1) ?? file;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
