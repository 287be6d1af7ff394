/** The layer `platform`: gateways, proof worker, database, evidence and monitoring of one deployment. */
import { Provider as AwsProvider } from '@pulumi/aws/provider.js';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import { Namespace } from '@pulumi/kubernetes/core/v1/namespace.js';
import { Provider as KubernetesProvider } from '@pulumi/kubernetes/provider.js';
import { Role } from '@pulumi/kubernetes/rbac/v1/role.js';
import { RoleBinding } from '@pulumi/kubernetes/rbac/v1/roleBinding.js';
import pulumi from '@pulumi/pulumi';
import type { PlatformConfig, PlatformStack } from '../core/platform-config.ts';
import { Database } from './components/database.ts';
import { EncryptionKey } from './components/encryption-key.ts';
import { EvidenceBucket } from './components/evidence-bucket.ts';
import { GatewayService } from './components/gateway-service.ts';
import { Monitoring } from './components/monitoring.ts';
import { PodIdentity } from './components/pod-identity.ts';
import { ProofWorker } from './components/proof-worker.ts';
import { secretFiles } from './components/secret-files.ts';
import { refuseViolations } from './policies/in-program.ts';
import type { InventoryRead } from './read-stack.ts';

/** A class of secrets for each kind of pod. */
const SECRET_CLASSES = { gateway: 'cutover-gateway', worker: 'cutover-worker' } as const;

export type PlatformOutputs = {
  readonly database: pulumi.Output<string>;
  readonly evidence: pulumi.Output<string>;
  readonly onCallTopic: pulumi.Output<string>;
};

export function platformLayer({ platform }: PlatformStack, { inventory, text }: InventoryRead): PlatformOutputs {
  Error.stackTraceLimit = 0;
  refuseViolations();
  const { deployment } = inventory;
  const aws = new AwsProvider('aws', {
    region: platform.region,
    allowedAccountIds: [platform.accountId],
    defaultTags: { tags: { 'cutover:deployment': deployment, 'cutover:layer': 'platform' } },
  });
  const kubernetes = new KubernetesProvider('cluster', { kubeconfig: new pulumi.Config().requireSecret('kubeconfig') });
  const within = { providers: { aws, kubernetes } };
  const inCluster = { provider: kubernetes };

  const key = new EncryptionKey(
    'key',
    { accountId: platform.accountId, region: platform.region, alias: deployment },
    within,
  );
  const database = new Database(
    'database',
    {
      deployment,
      vpcId: platform.vpcId,
      subnetIds: platform.subnetIds,
      clientRanges: platform.network.peerRanges,
      keyArn: key.arn,
      size: platform.database,
      secretArn: platform.secrets.database,
    },
    within,
  );
  const { accountId, evidence } = platform;
  const bucket = new EvidenceBucket('evidence', { deployment, accountId, keyArn: key.arn, evidence }, within);

  const shards = inventory.gateways.map(({ shard }) => shard);
  const namespace = declareNamespace(platform, text, shards, inCluster);
  const { database: databaseSecret } = platform.secrets;
  secretFiles(SECRET_CLASSES.gateway, namespace, platform.secrets, inCluster);
  secretFiles(SECRET_CLASSES.worker, namespace, { database: databaseSecret }, inCluster);
  const identity = (name: string, secrets: readonly string[]): pulumi.Output<string> => {
    const reading = {
      Effect: 'Allow',
      Action: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'],
      Resource: secrets,
    } as const;
    const args = { namespace, namespaceName: platform.namespace, cluster: platform.cluster };
    return new PodIdentity(name, { ...args, statements: [reading] }, within).serviceAccount;
  };
  const { monitoringNamespace } = platform.cluster;
  const common = { namespace, image: platform.image, network: platform.network, monitoringNamespace };
  new GatewayService(
    'gateway',
    {
      ...common,
      inventory,
      size: platform.gateway,
      secretClass: SECRET_CLASSES.gateway,
      serviceAccount: identity('gateway', Object.values(platform.secrets)),
      keyArn: key.arn,
    },
    within,
  );
  new ProofWorker(
    'worker',
    {
      ...common,
      size: platform.worker,
      secretClass: SECRET_CLASSES.worker,
      serviceAccount: identity('worker', [databaseSecret]),
    },
    within,
  );
  const monitoring = new Monitoring(
    'monitoring',
    {
      deployment,
      shards: inventory.gateways.length,
      region: platform.region,
      namespace,
      keyArn: key.arn,
      settings: platform.monitoring,
      runbooks: platform.monitoring.runbooks,
    },
    within,
  );
  return { database: database.endpoint, evidence: bucket.bucket, onCallTopic: monitoring.topicArn };
}

/**
 * Gateways and worker read the inventory's file as it is. Pods are restricted; the operators' group may do what the runbooks have
 * them do, to these objects by name: look, restart, scale the gateways, make a volume bigger, tell a gateway to read files again.
 */
function declareNamespace(
  { namespace: name, cluster }: PlatformConfig,
  inventoryText: string,
  shards: readonly number[],
  options: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'app.kubernetes.io/part-of': 'cutover' };
  const declared = new Namespace('namespace', { metadata: { name, labels } }, options);
  const namespace = declared.metadata.name;
  new ConfigMap(
    'inventory',
    { metadata: { name: 'inventory', namespace }, data: { 'inventory.yaml': inventoryText } },
    options,
  );
  const pods = shards.map((shard) => `gateway-${shard}`);
  const claims = pods.map((pod) => `data-${pod}`);
  new Role(
    'operator',
    {
      metadata: { name: 'cutover-operator', namespace },
      rules: [
        { apiGroups: [''], resources: ['pods', 'pods/log', 'events'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['apps'], resources: ['statefulsets', 'deployments'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [''], resources: ['pods/exec'], resourceNames: pods, verbs: ['create'] },
        { apiGroups: ['apps'], resources: ['statefulsets'], resourceNames: ['gateway'], verbs: ['patch'] },
        { apiGroups: ['apps'], resources: ['statefulsets/scale'], resourceNames: ['gateway'], verbs: ['get', 'patch'] },
        { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['worker'], verbs: ['patch'] },
        { apiGroups: [''], resources: ['persistentvolumeclaims'], resourceNames: claims, verbs: ['get', 'patch'] },
      ],
    },
    options,
  );
  new RoleBinding(
    'operator',
    {
      metadata: { name: 'cutover-operator', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'cutover-operator' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: cluster.operatorGroup }],
    },
    options,
  );
  return namespace;
}
