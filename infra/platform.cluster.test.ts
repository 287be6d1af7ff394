/**
 * The manifests of the platform layer through `pulumi up` against a real API server of Kubernetes with the definitions of others'
 * objects: strict server-side apply, real admission, the real authorizer. No pod runs, since nothing schedules one.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Access, Api } from './testing/cluster/api.ts';
import { type Cluster, startCluster } from './testing/cluster/cluster.ts';
import { findParts } from './testing/cluster/prepare.ts';
import { createStandInProject, type StandInProject } from './testing/stand-in-stack.ts';

const STACK = 'production-platform';
const NAMESPACE = 'cutover';
const OPERATORS = ['cutover-operators', 'system:authenticated'];
const LIMIT_MS = 900_000;
const RUNBOOKS = resolve(import.meta.dirname, '../runbooks');

describe('the platform layer on a real API server', { timeout: LIMIT_MS }, () => {
  let cluster: Cluster;
  let project: StandInProject;

  beforeAll(async () => {
    const parts = await findParts(process.env);
    if (parts === null) throw new Error('node infra/testing/cluster/main.ts prepares what this needs');
    cluster = await startCluster(parts, { olga: ['cutover-operators'] });
    project = await createStandInProject(cluster.env);
    await project.run(STACK, ['stack', 'init']);
  }, LIMIT_MS);
  afterAll(async () => {
    await project?.remove();
    await cluster?.stop();
  }, LIMIT_MS);

  const object = async (apiVersion: string, kind: string, name: string): Promise<Api> => {
    const found = await cluster.admin.read({ apiVersion, kind, metadata: { name, namespace: NAMESPACE } });
    if (found === null) throw new Error(`there is no ${kind} ${name}`);
    return found;
  };
  const podOf = async (apiVersion: string, kind: string, name: string): Promise<Api> => {
    const { template } = Object((await object(apiVersion, kind, name)).spec);
    const metadata = { ...template.metadata, name: `${name}-try`, namespace: NAMESPACE };
    return { apiVersion: 'v1', kind: 'Pod', metadata, spec: withClaims(template.spec) };
  };
  const may = (access: Access): Promise<boolean> =>
    cluster.admin.may('olga', OPERATORS, { namespace: NAMESPACE, ...access });

  it('is accepted as it is: pulumi up, and nothing to do the second time', async () => {
    const up = await project.run(STACK, ['up', '--yes', '--skip-preview']);
    expect(up, up.output.slice(-3000)).toMatchObject({ exitCode: 0 });
    for (const [apiVersion, kind, name] of [
      ['apps/v1', 'StatefulSet', 'gateway'],
      ['apps/v1', 'Deployment', 'worker'],
      ['policy/v1', 'PodDisruptionBudget', 'gateway'],
      ['networking.k8s.io/v1', 'NetworkPolicy', 'gateway'],
      ['networking.k8s.io/v1', 'NetworkPolicy', 'worker'],
      ['monitoring.coreos.com/v1', 'PrometheusRule', 'cutover'],
      ['monitoring.coreos.com/v1', 'PodMonitor', 'gateway'],
      ['monitoring.coreos.com/v1', 'PodMonitor', 'worker'],
      ['secrets-store.csi.x-k8s.io/v1', 'SecretProviderClass', 'cutover-gateway'],
      ['secrets-store.csi.x-k8s.io/v1', 'SecretProviderClass', 'cutover-worker'],
    ] as const) {
      await object(apiVersion, kind, name);
    }
    const again = await project.run(STACK, ['preview', '--expect-no-changes']);
    expect(again, again.output.slice(-3000)).toMatchObject({ exitCode: 0 });
  });

  it('leaves nobody to be selected by the wrong label: services and budgets select the pods that the sets make', async () => {
    const labelsOf = async (kind: string, name: string): Promise<Record<string, string>> =>
      Object(Object((await object('apps/v1', kind, name)).spec).template.metadata.labels);
    const pods = await labelsOf('StatefulSet', 'gateway');
    const service = Object((await object('v1', 'Service', 'gateway')).spec).selector;
    expect(pods).toMatchObject(service);
    for (const name of ['gateway', 'worker'] as const) {
      const kind = name === 'gateway' ? 'StatefulSet' : 'Deployment';
      const monitor = Object((await object('monitoring.coreos.com/v1', 'PodMonitor', name)).spec);
      expect(await labelsOf(kind, name)).toMatchObject(monitor.selector.matchLabels);
      const ports: { name: string }[] = Object((await object('apps/v1', kind, name)).spec).template.spec.containers[0]
        .ports;
      expect(ports.map((port) => port.name)).toContain(monitor.podMetricsEndpoints[0].port);
    }
  });

  it('makes pods that a restricted namespace admits, and only such', async () => {
    for (const [kind, name] of [
      ['StatefulSet', 'gateway'],
      ['Deployment', 'worker'],
    ] as const) {
      const pod = await podOf('apps/v1', kind, name);
      await cluster.admin.apply(pod, { dryRun: true });
      const root = structuredClone(Object(pod));
      root.spec.containers[0].securityContext.allowPrivilegeEscalation = true;
      await expect(cluster.admin.apply(root, { dryRun: true })).rejects.toThrow(/violates PodSecurity "restricted/);
    }
  });

  it('is refused in a preview where the API would refuse it, by the API’s own words', async () => {
    const budget = await object('policy/v1', 'PodDisruptionBudget', 'gateway');
    const { selector } = Object(budget.spec);
    const metadata = { name: 'both', namespace: NAMESPACE };
    const both = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata };
    const apply = (spec: Api): Promise<Api> => cluster.admin.apply({ ...both, spec }, { dryRun: true });
    await expect(apply({ selector, maxUnavailable: 1, minAvailable: 1 })).rejects.toThrow(/cannot be both set/);
    await expect(apply({ selector, maxUnavailabel: 1 })).rejects.toThrow(/maxUnavailabel/);

    const file = join(project.folder, `stacks/Pulumi.${STACK}.yaml`);
    const good = await readFile(file, 'utf8');
    const group = 'operatorGroup: cutover-operators';
    expect(good).toContain(group);
    await writeFile(file, good.replace(group, `${group}\n      monitoringNamespace: "not a label"`));
    const preview = await project.run(STACK, ['preview']);
    expect(preview.exitCode).not.toBe(0);
    expect(preview.output).toMatch(/a valid label must/);
    await writeFile(file, good);
  });

  it('lets operators do what the runbooks have them do, and no more', async () => {
    const calls = await kubectlCalls();
    expect(calls.length).toBeGreaterThan(4);
    const refused: string[] = [];
    for (const { line, accesses } of calls) {
      for (const access of accesses) {
        if (!(await may(access))) refused.push(`${line}: ${JSON.stringify(access)}`);
      }
    }
    expect(refused).toEqual([]);
    const forbidden: readonly Access[] = [
      { verb: 'get', resource: 'secrets' },
      { verb: 'list', resource: 'secrets' },
      { verb: 'create', resource: 'pods' },
      { verb: 'delete', resource: 'pods', name: 'gateway-0' },
      { verb: 'create', resource: 'pods', subresource: 'exec', name: 'another' },
      { verb: 'delete', group: 'apps', resource: 'statefulsets', name: 'gateway' },
      { verb: 'patch', group: 'apps', resource: 'statefulsets', name: 'another' },
      { verb: 'delete', resource: 'persistentvolumeclaims', name: 'data-gateway-0' },
      { verb: 'patch', resource: 'configmaps', name: 'inventory' },
      { verb: 'patch', group: 'networking.k8s.io', resource: 'networkpolicies', name: 'gateway' },
      { verb: 'patch', group: 'rbac.authorization.k8s.io', resource: 'roles', name: 'cutover-operator' },
      { verb: 'get', resource: 'pods', namespace: 'kube-system' },
    ];
    const allowed: Access[] = [];
    for (const access of forbidden) if (await may(access)) allowed.push(access);
    expect(allowed).toEqual([]);
  });

  it('gives the pods’ own accounts no right at all', async () => {
    for (const account of ['gateway', 'worker', 'default']) {
      const user = `system:serviceaccount:${NAMESPACE}:${account}`;
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`, 'system:authenticated'];
      for (const [verb, resource] of [
        ['get', 'secrets'],
        ['list', 'pods'],
        ['get', 'configmaps'],
        ['create', 'pods'],
      ] as const) {
        expect(await cluster.admin.may(user, groups, { verb, resource, namespace: NAMESPACE })).toBe(false);
      }
    }
  });
});

/** In place of the claims that a StatefulSet makes for each pod. */
function withClaims(spec: Record<string, unknown>): Record<string, unknown> {
  const volumes = Array.isArray(spec.volumes) ? spec.volumes : [];
  const data = { name: 'data', persistentVolumeClaim: { claimName: 'data-gateway-0' } };
  return { ...spec, volumes: JSON.stringify(spec).includes('"name":"data"') ? [...volumes, data] : volumes };
}

type Call = { readonly line: string; readonly accesses: readonly Access[] };

/** Every kubectl command that a runbook gives to operators; what it says a cluster administrator does is not theirs. */
async function kubectlCalls(): Promise<readonly Call[]> {
  const names = (await readdir(RUNBOOKS)).filter((name) => name.endsWith('.md'));
  const texts = await Promise.all(names.map((name) => readFile(join(RUNBOOKS, name), 'utf8')));
  const theirs = texts.filter((text) => !text.includes('needs a cluster administrator'));
  const calls = theirs.flatMap(commandsIn);
  return calls.map((line) => ({ line, accesses: accessesOf(line) }));
}

function commandsIn(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => !line.includes('cluster administrator'));
  return lines.flatMap((line) => [...line.matchAll(/kubectl [^`]+/g)].map(([command]) => command.trim()));
}

function accessesOf(command: string): readonly Access[] {
  const words = command.replace(/^kubectl (-n cutover )?/, '').split(/\s+/);
  const [verb, first = '', second = ''] = words;
  switch (verb) {
    case 'logs': {
      return [
        { verb: 'get', group: 'apps', resource: 'deployments', name: first.split('/')[1] ?? '' },
        { verb: 'list', resource: 'pods' },
        { verb: 'get', resource: 'pods', subresource: 'log' },
      ];
    }
    case 'exec':
      return [
        { verb: 'get', resource: 'pods', name: first },
        { verb: 'create', resource: 'pods', subresource: 'exec', name: first },
      ];
    case 'rollout': {
      const [kind = '', name = ''] = second.split('/');
      return (['get', 'patch'] as const).map((one) => ({ verb: one, group: 'apps', resource: `${kind}s`, name }));
    }
    case 'scale': {
      const [kind = '', name = ''] = first.split('/');
      return [
        { verb: 'get', group: 'apps', resource: `${kind}s`, name },
        { verb: 'patch', group: 'apps', resource: `${kind}s`, subresource: 'scale', name },
      ];
    }
    case 'edit':
      return (['get', 'patch'] as const).map((one) => ({
        verb: one,
        resource: 'persistentvolumeclaims',
        name: second,
      }));
    case 'get':
      return [{ verb: 'list', resource: first }];
    default:
      throw new Error(`this test does not know what '${command}' needs`);
  }
}
