/** Secrets of Secrets Manager as files in pods, fetched by the cluster's driver: none of them is ever in Pulumi's state. */
import { CustomResource as KubernetesObject } from '@pulumi/kubernetes/apiextensions/customResource.js';
import type pulumi from '@pulumi/pulumi';
import type { PlatformConfig } from '../../core/platform-config.ts';
import { databaseSecretOf } from './pods.ts';

/** One of the objects of a class: a secret, and the file that each of its members becomes. */
type SecretFiles = { readonly arn: string; readonly files: Readonly<Record<string, string>> };

/** A class for each kind of pod: the secrets that it needs, and no other. `name`: of the class. */
export function secretFiles(
  name: string,
  namespace: pulumi.Input<string>,
  secrets: Partial<PlatformConfig['secrets']>,
  options: pulumi.CustomResourceOptions,
): void {
  const objects: readonly SecretFiles[] = [
    ...filesOf(secrets.adminTls, { 'tls.crt': 'tls.crt', 'tls.key': 'tls.key', 'ca.crt': 'ca.crt' }),
    ...filesOf(secrets.signers, { allowed_signers: 'allowed_signers' }),
    ...filesOf(secrets.database, { url: 'database-url' }),
  ];
  new KubernetesObject(
    name,
    {
      apiVersion: 'secrets-store.csi.x-k8s.io/v1',
      kind: 'SecretProviderClass',
      metadata: { name, namespace },
      spec: {
        provider: 'aws',
        parameters: { objects: JSON.stringify(objects.map(toObject)) },
        secretObjects: [
          {
            secretName: databaseSecretOf(name),
            type: 'Opaque',
            data: [{ objectName: 'database-url', key: 'url' }],
          },
        ],
      },
    },
    options,
  );
}

function filesOf(arn: string | undefined, files: SecretFiles['files']): SecretFiles[] {
  return arn === undefined ? [] : [{ arn, files }];
}

/** As secrets-store-csi-driver-provider-aws reads it; a member's name is a JMESPath, so it is quoted. */
function toObject({ arn, files }: SecretFiles): object {
  const jmesPath = Object.entries(files).map(([member, objectAlias]) => ({ path: `"${member}"`, objectAlias }));
  return { objectName: arn, objectType: 'secretsmanager', jmesPath };
}
