/**
 * The gateways: a StatefulSet with a pod and a volume a shard. The volume is ReadWriteOncePod, so a shard runs once or not
 * at all, and only the holder of its volume can answer or swap. Pods are replaced one after the other.
 *
 * A pod whose volume is empty serves nobody and says so: a data directory is born once, by hand
 * (runbooks/gateway-birth.md), never by a restart.
 */
import { StatefulSet } from '@pulumi/kubernetes/apps/v1/statefulSet.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { NetworkPolicy } from '@pulumi/kubernetes/networking/v1/networkPolicy.js';
import { PodDisruptionBudget } from '@pulumi/kubernetes/policy/v1/podDisruptionBudget.js';
import { StorageClass } from '@pulumi/kubernetes/storage/v1/storageClass.js';
import type { core, networking } from '@pulumi/kubernetes/types/input.js';
import pulumi from '@pulumi/pulumi';
import { legsOf } from '../../core/edge/load-balancers.ts';
import type { Inventory } from '../../core/inventory.ts';
import { PLATFORMS } from '../../core/platform.ts';
import type { PlatformConfig } from '../../core/platform-config.ts';
import {
  CONTAINER_SECURITY,
  DATABASE_PORT,
  DNS_EGRESS,
  databaseUrl,
  INVENTORY_FILE,
  POD_SECURITY,
  podsOf,
  ranges,
  sharedVolumes,
} from './pods.ts';

/** The gateway takes up to 15 s to finish what is in flight, sync and close; the rest is for the volume. */
const GRACE_SECONDS = 45;
const DATA_FOLDER = '/var/lib/cutover';
/** A journal of many gigabytes is read before it serves. */
const START_LIMIT_SECONDS = 1800;

export type GatewayServiceArgs = {
  readonly inventory: Inventory;
  readonly namespace: pulumi.Input<string>;
  readonly image: string;
  readonly size: PlatformConfig['gateway'];
  readonly network: PlatformConfig['network'];
  readonly monitoringNamespace: string;
  readonly serviceAccount: pulumi.Input<string>;
  readonly secretClass: string;
  readonly keyArn: pulumi.Input<string>;
};

type Listening = { readonly name: string; readonly port: number };

export class GatewayService extends pulumi.ComponentResource {
  constructor(name: string, args: GatewayServiceArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:platform:GatewayService', name, {}, options);
    const parent = { parent: this };
    const { inventory, namespace, size } = args;
    const shards = inventory.gateways.map(({ shard }) => shard).sort((a, b) => a - b);
    if (shards.some((shard, index) => shard !== index)) {
      throw new pulumi.RunError(
        `the shards of the inventory are ${shards.join(', ')}; here they count from 0 without gaps`,
      );
    }
    const labels = { 'app.kubernetes.io/name': 'gateway', 'app.kubernetes.io/part-of': 'cutover' };
    new StorageClass(
      `${name}-volumes`,
      {
        metadata: { name: 'cutover-gateway' },
        provisioner: 'ebs.csi.aws.com',
        parameters: { type: 'gp3', encrypted: 'true', kmsKeyId: args.keyArn },
        reclaimPolicy: 'Retain',
        volumeBindingMode: 'WaitForFirstConsumer',
        allowVolumeExpansion: true,
      },
      parent,
    );
    new Service(
      name,
      {
        metadata: { name: 'gateway', namespace, labels },
        spec: { clusterIP: 'None', selector: labels, ports: [{ name: 'admin', port: size.adminPort }] },
      },
      parent,
    );
    for (const shard of shards) {
      new Service(
        `${name}-${shard}`,
        {
          metadata: { name: `gateway-${shard}`, namespace, labels },
          spec: {
            type: 'ClusterIP',
            selector: { ...labels, 'statefulset.kubernetes.io/pod-name': `gateway-${shard}` },
            ports: [
              { name: 'admin', port: size.adminPort },
              ...listeningOf(inventory, shard).map(({ name: port, port: number }) => ({ name: port, port: number })),
            ],
          },
        },
        parent,
      );
    }
    new StatefulSet(name, this.#statefulSet(args, shards.length, labels), { parent: this, protect: true });
    new PodDisruptionBudget(
      name,
      { metadata: { name: 'gateway', namespace }, spec: { maxUnavailable: 1, selector: { matchLabels: labels } } },
      parent,
    );
    new NetworkPolicy(
      name,
      {
        metadata: { name: 'gateway', namespace },
        spec: { podSelector: { matchLabels: labels }, policyTypes: ['Ingress', 'Egress'], ...rulesOf(args) },
      },
      parent,
    );
    this.registerOutputs({});
  }

  #statefulSet(
    args: GatewayServiceArgs,
    replicas: number,
    labels: Readonly<Record<string, string>>,
  ): ConstructorParameters<typeof StatefulSet>[1] & object {
    return {
      metadata: { name: 'gateway', namespace: args.namespace, labels },
      spec: {
        replicas,
        serviceName: 'gateway',
        selector: { matchLabels: labels },
        podManagementPolicy: 'OrderedReady',
        updateStrategy: { type: 'RollingUpdate' },
        minReadySeconds: 10,
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        template: { metadata: { labels }, spec: podOf(args, labels) },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: {
              accessModes: ['ReadWriteOncePod'],
              storageClassName: 'cutover-gateway',
              resources: { requests: { storage: `${args.size.volumeGiB}Gi` } },
            },
          },
        ],
      },
    };
  }
}

function podOf(args: GatewayServiceArgs, labels: Readonly<Record<string, string>>): core.v1.PodSpec {
  const { cpu, memory, adminPort } = args.size;
  const { volumes, mounts } = sharedVolumes(args.secretClass);
  const asks = (path: string): core.v1.Probe => ({ httpGet: { scheme: 'HTTPS', path, port: adminPort } });
  return {
    serviceAccountName: args.serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: POD_SECURITY,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      // Two shards on one node would be lost together; a zone without room must not keep a shard down.
      whenUnsatisfiable: topologyKey.endsWith('hostname') ? 'DoNotSchedule' : 'ScheduleAnyway',
      labelSelector: { matchLabels: labels },
    })),
    containers: [
      {
        name: 'gateway',
        image: args.image,
        args: [
          'gateway',
          ...['--inventory', INVENTORY_FILE],
          ...['--data-dir', `${DATA_FOLDER}/data`],
          ...['--admin-host', '0.0.0.0'],
          ...['--admin-port', String(adminPort)],
          ...['--admin-tls', '/etc/cutover/secrets'],
          ...['--listen-host', '0.0.0.0'],
          ...['--signers', '/etc/cutover/secrets/allowed_signers'],
        ],
        env: [databaseUrl(args.secretClass)],
        ports: [{ name: 'admin', containerPort: adminPort }],
        resources: { requests: { cpu, memory }, limits: { memory } },
        securityContext: CONTAINER_SECURITY,
        startupProbe: { ...asks('/healthz'), periodSeconds: 5, failureThreshold: START_LIMIT_SECONDS / 5 },
        livenessProbe: { ...asks('/healthz'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
        readinessProbe: { ...asks('/readyz'), periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2 },
        volumeMounts: [...mounts, { name: 'data', mountPath: DATA_FOLDER }],
      },
    ],
    volumes,
  };
}

/** Every port of a shard, by a name of up to 15 characters. */
function listeningOf(inventory: Inventory, shard: number): readonly Listening[] {
  const feeds = inventory.feeds
    .filter((feed) => feed.shard === shard)
    .map(({ port }) => ({ name: `feed-${port}`, port }));
  const legs = legsOf(inventory)
    .filter((leg) => leg.shard === shard)
    .map(({ port }) => ({ name: `leg-${port}`, port }));
  return [...feeds, ...legs];
}

function rulesOf({ inventory, network, size, monitoringNamespace }: GatewayServiceArgs): {
  readonly ingress: networking.v1.NetworkPolicyIngressRule[];
  readonly egress: networking.v1.NetworkPolicyEgressRule[];
} {
  const ports = inventory.gateways.flatMap(({ shard }) => listeningOf(inventory, shard).map(({ port }) => port));
  return {
    ingress: [
      { from: ranges(network.sourceRanges), ports: portRanges(ports) },
      {
        from: [...ranges(network.operatorRanges), podsOf(monitoringNamespace)],
        ports: [{ protocol: 'TCP', port: size.adminPort }],
      },
    ],
    egress: [{ to: ranges(network.peerRanges), ports: portRanges(dialledOf(inventory)) }, DNS_EGRESS],
  };
}

/** Ports of everything that a gateway connects to: platforms, destinations, the database. */
function dialledOf({ feeds, connections }: Inventory): readonly number[] {
  const platforms = feeds.flatMap((feed) => PLATFORMS.map((platform) => feed.platforms[platform].port));
  return [...platforms, ...connections.map(({ destination }) => destination.port), DATABASE_PORT];
}

/** As few ranges as cover exactly these ports. */
function portRanges(ports: readonly number[]): networking.v1.NetworkPolicyPort[] {
  const found: { port: number; endPort: number }[] = [];
  for (const port of [...new Set(ports)].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && last.endPort === port - 1) last.endPort = port;
    else found.push({ port, endPort: port });
  }
  return found.map((range) => ({ protocol: 'TCP', ...range }));
}
