/**
 * What no stack of this project may declare, whoever writes it: public listeners, storage that is not encrypted, wildcards
 * in IAM, production data without protection, and pod addresses in Pulumi's state. Pure: one declaration in, reasons out.
 *
 * A value that is known only later (an output of another resource) is `LATER`: it is there, and cannot be judged.
 */

export const LATER = Symbol('known later');

export type Declaration = {
  /** As in `aws:rds/instance:Instance`. */
  readonly type: string;
  readonly name: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly isProtected: boolean;
};

type Policy = (declared: Declaration) => readonly string[];

const EVERYWHERE = ['0.0.0.0/0', '::/0'];

export function violationsOf(declared: Declaration): readonly string[] {
  return POLICIES.flatMap((policy) => policy(declared)).map(
    (reason) => `${declared.name} (${declared.type}): ${reason}`,
  );
}

const noPublicListeners: Policy = ({ type, properties }) => {
  switch (type) {
    case 'aws:lb/loadBalancer:LoadBalancer':
      return properties.internal === true ? [] : ['a load balancer is internal: HL7 never listens on the internet'];
    case 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule':
      return isEverywhere(properties.cidrIpv4) || isEverywhere(properties.cidrIpv6)
        ? ['it admits the whole internet: name the networks']
        : [];
    case 'aws:ec2/securityGroup:SecurityGroup':
      return mentionsEverywhere(properties.ingress) ? ['it admits the whole internet: name the networks'] : [];
    case 'aws:rds/instance:Instance':
      return properties.publiclyAccessible === false ? [] : ['publiclyAccessible must be false, and said'];
    case 'kubernetes:core/v1:Service':
      return ['LoadBalancer', 'NodePort'].includes(String(partOf(properties.spec, 'type')))
        ? ['a service of type LoadBalancer or NodePort opens ports beside the edge layer: use ClusterIP']
        : [];
    default:
      return [];
  }
};

const encryptedStorage: Policy = ({ type, properties }) => {
  switch (type) {
    case 'aws:rds/instance:Instance':
      return [
        ...(properties.storageEncrypted === true ? [] : ['storageEncrypted must be true']),
        ...(properties.kmsKeyId === undefined ? ['kmsKeyId must name a key of ours'] : []),
      ];
    case 'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration':
      return JSON.stringify(properties, showLater).includes('"sseAlgorithm":"aws:kms"')
        ? []
        : ['evidence is encrypted with KMS'];
    case 'aws:sns/topic:Topic':
      return properties.kmsMasterKeyId === undefined ? ['kmsMasterKeyId must be set'] : [];
    case 'aws:sqs/queue:Queue':
      return properties.kmsMasterKeyId === undefined && properties.sqsManagedSseEnabled !== true
        ? ['a queue is encrypted: kmsMasterKeyId or sqsManagedSseEnabled']
        : [];
    case 'aws:cloudwatch/logGroup:LogGroup':
    case 'aws:secretsmanager/secret:Secret':
      return properties.kmsKeyId === undefined ? ['kmsKeyId must name a key of ours'] : [];
    case 'kubernetes:storage.k8s.io/v1:StorageClass':
      return partOf(properties.parameters, 'encrypted') === 'true' ? [] : ["parameters.encrypted must be 'true'"];
    default:
      return [];
  }
};

const noWildcardsInIam: Policy = ({ type, properties }) => {
  const documents = ['policy', 'assumeRolePolicy'].flatMap((key) => {
    const value = properties[key];
    return typeof value === 'string' ? [value] : [];
  });
  const isIam = type.startsWith('aws:iam/') || /Policy:/.test(type) || type === 'aws:kms/key:Key';
  if (isIam) return documents.flatMap((document) => wildcardsIn(document, type === 'aws:kms/key:Key'));
  if (type !== 'kubernetes:rbac.authorization.k8s.io/v1:Role') return [];
  const rules = Array.isArray(properties.rules) ? properties.rules : [];
  return rules.some((rule) => JSON.stringify(rule, showLater).includes('"*"'))
    ? ['a role names verbs and resources']
    : [];
};

const protectedData: Policy = ({ type, properties, isProtected }) => {
  const unprotected = isProtected ? [] : ['it holds production data: `protect: true`'];
  switch (type) {
    case 'aws:rds/instance:Instance':
      return [
        ...unprotected,
        ...(properties.deletionProtection === true ? [] : ['deletionProtection must be true']),
        ...(properties.skipFinalSnapshot === true
          ? ['a final snapshot is taken: skipFinalSnapshot must not be true']
          : []),
        ...(Number(properties.backupRetentionPeriod ?? 0) >= 7 ? [] : ['backups are kept 7 days at least']),
      ];
    case 'aws:s3/bucket:Bucket':
      return [...unprotected, ...(properties.forceDestroy === true ? ['forceDestroy must not be true'] : [])];
    case 'aws:kms/key:Key':
      return unprotected;
    case 'kubernetes:apps/v1:StatefulSet': {
      const retention = partOf(partOf(properties.spec, 'persistentVolumeClaimRetentionPolicy'), 'whenDeleted');
      return [
        ...unprotected,
        ...(retention === 'Retain' ? [] : ['volumes outlive the StatefulSet: whenDeleted: Retain']),
      ];
    }
    default:
      return [];
  }
};

const noPodAddresses: Policy = ({ type, properties }) => {
  if (type === 'kubernetes:core/v1:Endpoints' || /discovery\.k8s\.io\/v1:EndpointSlice$/.test(type)) {
    return ['pods change their address at every restart: select them by label'];
  }
  if (type !== 'kubernetes:core/v1:Pod' && type !== 'kubernetes:core/v1:Service') return [];
  return JSON.stringify(properties, showLater).includes('"podIP"') ? ['no pod address in Pulumi state'] : [];
};

const POLICIES: readonly Policy[] = [
  noPublicListeners,
  encryptedStorage,
  noWildcardsInIam,
  protectedData,
  noPodAddresses,
];

type Statement = {
  readonly Effect?: unknown;
  readonly Action?: unknown;
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
};

/** In a key's own policy the resource is always `*`: it means that key. */
function wildcardsIn(document: string, isKeyPolicy: boolean): string[] {
  let statements: readonly Statement[];
  try {
    const parsed: { Statement?: Statement | Statement[] } = JSON.parse(document);
    statements = [parsed.Statement ?? []].flat();
  } catch {
    return ['its policy is no JSON document'];
  }
  return statements
    .filter((statement) => statement.Effect === 'Allow')
    .flatMap((statement) => [
      ...([statement.Action].flat().some((action) => isWild(action, isKeyPolicy))
        ? [`Action ${JSON.stringify(statement.Action)} is a wildcard: name the actions`]
        : []),
      ...(!isKeyPolicy && [statement.Resource].flat().includes('*') && statement.Condition === undefined
        ? ['Resource "*" without a condition: name the resources']
        : []),
      ...(JSON.stringify(statement.Principal ?? '').includes('"*"') && statement.Condition === undefined
        ? ['Principal "*" without a condition']
        : []),
    ]);
}

function isWild(action: unknown, isKeyPolicy: boolean): boolean {
  if (typeof action !== 'string') return false;
  return action.endsWith('*') && !(isKeyPolicy && action === 'kms:*');
}

function isEverywhere(range: unknown): boolean {
  return EVERYWHERE.includes(String(range));
}

function mentionsEverywhere(value: unknown): boolean {
  const text = JSON.stringify(value ?? null, showLater);
  return EVERYWHERE.some((range) => text.includes(`"${range}"`));
}

function partOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

function showLater(_key: string, value: unknown): unknown {
  return value === LATER ? 'known later' : value;
}
