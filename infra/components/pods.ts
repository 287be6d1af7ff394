/** What every pod of this product has in common: no rights, a read-only root, its secrets as files. */
import type { core, networking } from '@pulumi/kubernetes/types/input.js';

/** Of the image, as the Dockerfile has it. */
export const USER_ID = 10_001;

export const POD_SECURITY: core.v1.PodSecurityContext = {
  runAsNonRoot: true,
  runAsUser: USER_ID,
  runAsGroup: USER_ID,
  fsGroup: USER_ID,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
};

export const CONTAINER_SECURITY: core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

export const INVENTORY_FILE = '/etc/cutover/inventory/inventory.yaml';

/** Volumes by name, with where they are mounted. */
export function sharedVolumes(secretClass: string): {
  readonly volumes: core.v1.Volume[];
  readonly mounts: core.v1.VolumeMount[];
} {
  return {
    volumes: [
      { name: 'inventory', configMap: { name: 'inventory' } },
      {
        name: 'secrets',
        csi: {
          driver: 'secrets-store.csi.k8s.io',
          readOnly: true,
          volumeAttributes: { secretProviderClass: secretClass },
        },
      },
      { name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
    ],
    mounts: [
      { name: 'inventory', mountPath: '/etc/cutover/inventory', readOnly: true },
      { name: 'secrets', mountPath: '/etc/cutover/secrets', readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

/** The URL comes from Secrets Manager through a secret of the cluster; it is in no state and on no command line. */
export function databaseUrl(secretClass: string): core.v1.EnvVar {
  return { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: databaseSecretOf(secretClass), key: 'url' } } };
}

/** Of the cluster; filled from Secrets Manager while a pod of this class runs. */
export function databaseSecretOf(secretClass: string): string {
  return `${secretClass}-database`;
}

export const DATABASE_PORT = 5432;

const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

export function podsOf(namespace: string): networking.v1.NetworkPolicyPeer {
  return { namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: namespace } } };
}

export function ranges(cidrs: readonly string[]): networking.v1.NetworkPolicyPeer[] {
  return cidrs.map((cidr) => ({ ipBlock: { cidr } }));
}

/** Names are looked up in the cluster. */
export const DNS_EGRESS: networking.v1.NetworkPolicyEgressRule = {
  to: [podsOf('kube-system')],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};
