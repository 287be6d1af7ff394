/**
 * The proof worker: two pods, of which one is elected through the database and the other stands by. It is not in the path
 * of any message; while it is down, comparison lags and gates are red.
 */
import { Deployment } from '@pulumi/kubernetes/apps/v1/deployment.js';
import { NetworkPolicy } from '@pulumi/kubernetes/networking/v1/networkPolicy.js';
import pulumi from '@pulumi/pulumi';
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

export const WORKER_PORT = 9464;
const REPLICAS = 2;

export type ProofWorkerArgs = {
  readonly namespace: pulumi.Input<string>;
  readonly image: string;
  readonly size: PlatformConfig['worker'];
  readonly serviceAccount: pulumi.Input<string>;
  readonly secretClass: string;
  readonly network: PlatformConfig['network'];
  readonly monitoringNamespace: string;
};

export class ProofWorker extends pulumi.ComponentResource {
  constructor(name: string, args: ProofWorkerArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:platform:ProofWorker', name, {}, options);
    const labels = { 'app.kubernetes.io/name': 'worker', 'app.kubernetes.io/part-of': 'cutover' };
    const { cpu, memory } = args.size;
    const { volumes, mounts } = sharedVolumes(args.secretClass);
    const probe = { httpGet: { path: '/healthz', port: WORKER_PORT }, periodSeconds: 10, failureThreshold: 6 };
    new Deployment(
      name,
      {
        metadata: { name: 'worker', namespace: args.namespace, labels },
        spec: {
          replicas: REPLICAS,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              serviceAccountName: args.serviceAccount,
              automountServiceAccountToken: false,
              enableServiceLinks: false,
              securityContext: POD_SECURITY,
              containers: [
                {
                  name: 'worker',
                  image: args.image,
                  args: [
                    'worker',
                    ...['--inventory', INVENTORY_FILE],
                    ...['--project', '/app'],
                    ...['--host', '0.0.0.0'],
                    ...['--port', String(WORKER_PORT)],
                  ],
                  env: [databaseUrl(args.secretClass)],
                  ports: [{ name: 'metrics', containerPort: WORKER_PORT }],
                  resources: { requests: { cpu, memory }, limits: { memory } },
                  securityContext: CONTAINER_SECURITY,
                  livenessProbe: probe,
                  readinessProbe: probe,
                  volumeMounts: mounts,
                },
              ],
              volumes,
            },
          },
        },
      },
      { parent: this },
    );
    new NetworkPolicy(
      name,
      {
        metadata: { name: 'worker', namespace: args.namespace },
        spec: {
          podSelector: { matchLabels: labels },
          policyTypes: ['Ingress', 'Egress'],
          ingress: [{ from: [podsOf(args.monitoringNamespace)], ports: [{ protocol: 'TCP', port: WORKER_PORT }] }],
          egress: [
            { to: ranges(args.network.peerRanges), ports: [{ protocol: 'TCP', port: DATABASE_PORT }] },
            DNS_EGRESS,
          ],
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
