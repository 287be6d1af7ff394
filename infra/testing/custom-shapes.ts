/** For tests: shapes of the Kubernetes objects of others that this program declares; their SDK types take anything. */
import type { Members, Shape } from './shapes.ts';

const needed = (shape: Shape): Members[string] => ({ shape, required: true });
const optional = (shape: Shape): Members[string] => ({ shape, required: false });
const inMap = (shape: Shape): Members[string] => needed({ map: shape });

export type CustomShape = { readonly spec: Members };

/** By `apiVersion:kind`; what is in `spec`. From the CRDs of their projects. */
export const CUSTOM_SHAPES: Readonly<Record<string, CustomShape>> = {
  // kubernetes-sigs/aws-load-balancer-controller, config/crd/bases/elbv2.k8s.aws_targetgroupbindings.yaml
  'elbv2.k8s.aws/v1beta1:TargetGroupBinding': {
    spec: {
      targetGroupARN: needed('string'),
      targetType: optional({ union: [{ literal: 'instance' }, { literal: 'ip' }] }),
      serviceRef: inMap('any'),
      networking: optional({ map: 'any' }),
      ipAddressType: optional('string'),
      vpcID: optional('string'),
    },
  },
  // kubernetes-sigs/secrets-store-csi-driver, secrets-store.csi.x-k8s.io_secretproviderclasses.yaml
  'secrets-store.csi.x-k8s.io/v1:SecretProviderClass': {
    spec: { provider: needed('string'), parameters: inMap('string'), secretObjects: optional({ array: 'any' }) },
  },
  // prometheus-operator/prometheus-operator, monitoring.coreos.com_prometheusrules.yaml
  'monitoring.coreos.com/v1:PrometheusRule': { spec: { groups: needed({ array: { map: 'any' } }) } },
  'monitoring.coreos.com/v1:PodMonitor': {
    spec: {
      selector: inMap('any'),
      namespaceSelector: optional({ map: 'any' }),
      podMetricsEndpoints: needed({ array: { map: 'any' } }),
    },
  },
};
