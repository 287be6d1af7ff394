/** The platform layer as it is declared, with mocks: what matters of every resource. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseInventory } from '../core/inventory.ts';
import { parsePlatformStack } from '../core/platform-config.ts';
import { exampleInventory } from './testing/example-inventory.ts';
import { declare, type Recorder, recordResources } from './testing/mocks.ts';

const FILE = 'stacks/Pulumi.production-platform.yaml';
const exampleStack = (): Promise<string> => readFile(new URL(`../${FILE}`, import.meta.url), 'utf8');

describe('the platform layer of the example', () => {
  let recorder: Recorder;
  const specOf = (type: string, name: string) => Object(recorder.one(type, name).inputs.spec);

  beforeAll(async () => {
    recorder = await recordResources('production-platform', { 'lab-cutover:kubeconfig': 'a-kubeconfig' });
    const text = exampleInventory();
    const inventory = parseInventory(text, 'inventory.yaml');
    const stack = parsePlatformStack(await exampleStack(), FILE);
    if (!inventory.ok || !stack.ok) throw new Error('the examples hold');
    const { platformLayer } = await import('./platform.ts');
    await declare(() => platformLayer(stack.value, { file: 'inventory.yaml', inventory: inventory.value, text }));
  });

  it('runs a shard once or not at all, and keeps its volume whatever happens to the pod', () => {
    const set = specOf('kubernetes:apps/v1:StatefulSet', 'gateway');
    expect(set).toMatchObject({
      replicas: 2,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate' },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    });
    expect(set.volumeClaimTemplates[0].spec.accessModes).toEqual(['ReadWriteOncePod']);
    expect(recorder.one('kubernetes:storage.k8s.io/v1:StorageClass', 'gateway-volumes').inputs).toMatchObject({
      reclaimPolicy: 'Retain',
      parameters: { encrypted: 'true' },
    });
    expect(specOf('kubernetes:policy/v1:PodDisruptionBudget', 'gateway')).toMatchObject({ maxUnavailable: 1 });
  });

  it('gives pods no rights, a read-only root, and time to finish', () => {
    const pods = [
      specOf('kubernetes:apps/v1:StatefulSet', 'gateway').template.spec,
      specOf('kubernetes:apps/v1:Deployment', 'worker').template.spec,
    ];
    for (const pod of pods) {
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(pod.containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(pod.containers[0].image).toMatch(/@sha256:/);
    }
    expect(pods[0].terminationGracePeriodSeconds).toBeGreaterThan(15 + 10);
    expect(pods[0].topologySpreadConstraints.map(({ topologyKey }: { topologyKey: string }) => topologyKey)).toEqual([
      'kubernetes.io/hostname',
      'topology.kubernetes.io/zone',
    ]);
  });

  it('starts the gateway as its command line has it, never giving birth by itself', () => {
    const { args, env, readinessProbe, startupProbe } = specOf('kubernetes:apps/v1:StatefulSet', 'gateway').template
      .spec.containers[0];
    expect(args.slice(0, 5)).toEqual([
      'gateway',
      '--inventory',
      '/etc/cutover/inventory/inventory.yaml',
      '--data-dir',
      '/var/lib/cutover/data',
    ]);
    expect(args).not.toContain('--init');
    expect(args).toContain('--admin-tls');
    expect(env).toEqual([
      { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: 'cutover-gateway-database', key: 'url' } } },
    ]);
    expect(readinessProbe.httpGet).toEqual({ scheme: 'HTTPS', path: '/readyz', port: 7443 });
    expect(startupProbe.httpGet.path).toBe('/healthz');
  });

  it('has a service a shard with every port of its feeds and legs, and none that opens ports of nodes', () => {
    const services = recorder.of('kubernetes:core/v1:Service');
    expect(services.map(({ name }) => name).sort()).toEqual(['gateway', 'gateway-0', 'gateway-1']);
    const second = specOf('kubernetes:core/v1:Service', 'gateway-1');
    expect(second.selector['statefulset.kubernetes.io/pod-name']).toBe('gateway-1');
    expect(second.ports).toContainEqual({ name: 'feed-21450', port: 21_450 });
    for (const { name } of second.ports) expect(name.length).toBeLessThanOrEqual(15);
    expect(JSON.stringify(recorder.declared)).not.toContain('podIP');
  });

  it('lets sources, operators and Prometheus in, and nobody else', () => {
    const { ingress, egress, policyTypes } = specOf('kubernetes:networking.k8s.io/v1:NetworkPolicy', 'gateway');
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(ingress).toHaveLength(2);
    // Exactly the ports of feeds and legs, and nothing beside the admin API.
    expect(ingress[0].ports).toContainEqual({ protocol: 'TCP', port: 21_000, endPort: 21_124 });
    expect(ingress[0].ports).not.toContainEqual(expect.objectContaining({ port: 7443 }));
    expect(ingress[1].ports).toEqual([{ protocol: 'TCP', port: 7443 }]);
    expect(egress).toHaveLength(2);
    const dialled: { port: number; endPort: number }[] = egress[0].ports;
    const reaches = (port: number): boolean => dialled.some((range) => range.port <= port && port <= range.endPort);
    expect([5432, 6661, 31_000, 32_450, 33_000].filter((port) => !reaches(port))).toEqual([]);
    expect([22, 443, 7443, 21_000].filter(reaches)).toEqual([]);
  });

  it('keeps the database in two zones, encrypted, backed up and rotated', () => {
    expect(recorder.one('aws:rds/instance:Instance', 'database').inputs).toMatchObject({
      multiAz: true,
      storageEncrypted: true,
      publiclyAccessible: false,
      deletionProtection: true,
      manageMasterUserPassword: true,
      backupRetentionPeriod: 35,
      skipFinalSnapshot: false,
    });
    expect(recorder.one('aws:secretsmanager/secretRotation:SecretRotation', 'database').inputs).toMatchObject({
      rotationRules: { automaticallyAfterDays: 30 },
    });
    const [parameter] = Object(recorder.one('aws:rds/parameterGroup:ParameterGroup', 'database').inputs.parameters);
    expect(parameter).toMatchObject({ name: 'rds.force_ssl', value: '1' });
  });

  it('keeps evidence for years, deletable by nobody', () => {
    expect(recorder.one('aws:s3/bucket:Bucket', 'evidence').inputs).toMatchObject({
      objectLockEnabled: true,
      forceDestroy: false,
    });
    const lock = recorder.one('aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration', 'evidence').inputs;
    expect(lock.rule).toEqual({ defaultRetention: { mode: 'COMPLIANCE', days: 2555 } });
    expect(recorder.one('aws:s3/bucketVersioning:BucketVersioning', 'evidence').inputs).toMatchObject({
      versioningConfiguration: { status: 'Enabled' },
    });
  });

  it('gives pods the secrets that they need, and Pulumi none of them', () => {
    for (const [pod, secrets] of [
      ['gateway', 3],
      ['worker', 1],
    ] as const) {
      const policy = JSON.parse(String(recorder.one('aws:iam/rolePolicy:RolePolicy', pod).inputs.policy));
      expect(policy.Statement).toHaveLength(1);
      expect(policy.Statement[0].Action).toEqual(['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret']);
      expect(policy.Statement[0].Resource).toHaveLength(secrets);
    }
    expect(JSON.stringify(recorder.declared)).not.toMatch(/BEGIN [A-Z ]*PRIVATE KEY|postgres(ql)?:\/\/[^"]*:[^"]*@/);
  });

  it('links each alert to its section, where this deployment keeps its runbooks', () => {
    const rules = JSON.stringify(recorder.declared.find(({ inputs }) => inputs.kind === 'PrometheusRule')?.inputs);
    expect(rules).toContain('https://git.example/lab/cutover/runbooks/triage.md#silence');
    const alarm = recorder.one('aws:cloudwatch/metricAlarm:MetricAlarm', 'monitoring-Silence').inputs;
    expect(alarm.alarmDescription).toContain('https://git.example/lab/cutover/runbooks/triage.md#silence');
  });

  it('lets only Prometheus ask the worker, which reaches the database and nothing else', () => {
    const { ingress, egress } = specOf('kubernetes:networking.k8s.io/v1:NetworkPolicy', 'worker');
    expect(ingress).toEqual([
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ protocol: 'TCP', port: 9464 }],
      },
    ]);
    expect(egress[0].ports).toEqual([{ protocol: 'TCP', port: 5432 }]);
    expect(egress).toHaveLength(2);
  });

  it('pages on-call through a topic of its own', () => {
    expect(recorder.one('aws:sns/topicSubscription:TopicSubscription', 'monitoring').inputs).toMatchObject({
      protocol: 'https',
      endpoint: 'https://paging.example/integration/cutover',
    });
    expect(recorder.one('aws:sns/topic:Topic', 'monitoring').inputs.kmsMasterKeyId).toBeDefined();
  });
});

describe('the config of a platform stack', () => {
  it.each([
    ['image: registry.example/cutover@sha256:0', 'image: registry.example/cutover:latest #', 'digest'],
    ['backupsKept: 35d', 'backupsKept: 1d', 'from 7d to 35d'],
    ['memory: 8Gi', 'memory: 8GB', 'memory as Kubernetes'],
    ['onCall: "https:', 'onCall: "http:', 'https URL'],
    ['runbooks: "https:', 'runbooks: "http:', 'https URL'],
    ['instanceClass: db.r7g.xlarge', 'instanceclass: db.r7g.xlarge', 'instanceclass'],
  ])('refuses %s as %s', async (good, bad, said) => {
    const text = await exampleStack();
    expect(text).toContain(good);
    const parsed = parsePlatformStack(text.replace(good, bad), FILE);
    expect(parsed.ok ? '' : parsed.problems.map(({ message }) => message).join('\n')).toContain(said);
  });
});
