/** Each policy: what it lets pass, and what it refuses. */
import { describe, expect, it } from 'vitest';
import { type Declaration, LATER, violationsOf } from './policies.ts';

const declared = (type: string, properties: Declaration['properties'], isProtected = true): Declaration => ({
  type,
  name: 'it',
  properties,
  isProtected,
});
const DATABASE = {
  publiclyAccessible: false,
  storageEncrypted: true,
  kmsKeyId: LATER,
  deletionProtection: true,
  skipFinalSnapshot: false,
  backupRetentionPeriod: 35,
};
const policy = (statement: object): { policy: string } => ({ policy: JSON.stringify({ Statement: [statement] }) });

describe('policies let pass', () => {
  it.each([
    ['aws:lb/loadBalancer:LoadBalancer', { internal: true }],
    ['aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule', { cidrIpv4: '10.0.0.0/8' }],
    ['aws:rds/instance:Instance', DATABASE],
    ['aws:iam/rolePolicy:RolePolicy', policy({ Effect: 'Allow', Action: ['s3:PutObject'], Resource: 'arn:x/*' })],
    ['aws:kms/key:Key', policy({ Effect: 'Allow', Action: 'kms:*', Resource: '*', Principal: { AWS: 'arn:root' } })],
    ['kubernetes:core/v1:Service', { spec: { type: 'ClusterIP' } }],
  ])('a good %s', (type, properties) => {
    expect(violationsOf(declared(type, properties))).toEqual([]);
  });
});

describe('policies refuse', () => {
  it.each<[string, string, Declaration['properties'], string]>([
    ['a public load balancer', 'aws:lb/loadBalancer:LoadBalancer', { internal: false }, 'internal'],
    ['one that does not say', 'aws:lb/loadBalancer:LoadBalancer', {}, 'internal'],
    [
      'the whole internet',
      'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule',
      { cidrIpv4: '0.0.0.0/0' },
      'internet',
    ],
    ['the whole IPv6', 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule', { cidrIpv6: '::/0' }, 'internet'],
    ['inline rules', 'aws:ec2/securityGroup:SecurityGroup', { ingress: [{ cidrBlocks: ['0.0.0.0/0'] }] }, 'internet'],
    ['a node port', 'kubernetes:core/v1:Service', { spec: { type: 'NodePort' } }, 'ClusterIP'],
    ['a public database', 'aws:rds/instance:Instance', { ...DATABASE, publiclyAccessible: true }, 'publicly'],
    ['plain storage', 'aws:rds/instance:Instance', { ...DATABASE, storageEncrypted: false }, 'storageEncrypted'],
    ['a short memory', 'aws:rds/instance:Instance', { ...DATABASE, backupRetentionPeriod: 1 }, '7 days'],
    ['no last snapshot', 'aws:rds/instance:Instance', { ...DATABASE, skipFinalSnapshot: true }, 'final snapshot'],
    ['a plain topic', 'aws:sns/topic:Topic', {}, 'kmsMasterKeyId'],
    ['a plain queue', 'aws:sqs/queue:Queue', {}, 'encrypted'],
    ['a plain volume', 'kubernetes:storage.k8s.io/v1:StorageClass', { parameters: {} }, 'encrypted'],
    ['a bucket that forgets', 'aws:s3/bucket:Bucket', { forceDestroy: true }, 'forceDestroy'],
    [
      'all actions',
      'aws:iam/rolePolicy:RolePolicy',
      policy({ Effect: 'Allow', Action: 's3:*', Resource: 'arn:x' }),
      'wildcard',
    ],
    [
      'all resources',
      'aws:iam/policy:Policy',
      policy({ Effect: 'Allow', Action: 's3:Get', Resource: '*' }),
      'Resource',
    ],
    ['all callers', 'aws:kms/key:Key', policy({ Effect: 'Allow', Action: 'kms:*', Principal: '*' }), 'Principal'],
    [
      'a role that may all',
      'kubernetes:rbac.authorization.k8s.io/v1:Role',
      { rules: [{ verbs: ['*'] }] },
      'names verbs',
    ],
    ['pod addresses', 'kubernetes:core/v1:Endpoints', {}, 'address'],
    ['slices of them', 'kubernetes:discovery.k8s.io/v1:EndpointSlice', {}, 'address'],
    ['volumes that go', 'kubernetes:apps/v1:StatefulSet', { spec: {} }, 'Retain'],
  ])('%s', (_what, type, properties, said) => {
    expect(violationsOf(declared(type, properties)).join('\n')).toContain(said);
  });

  it('production data without protection', () => {
    for (const type of ['aws:rds/instance:Instance', 'aws:s3/bucket:Bucket', 'aws:kms/key:Key']) {
      expect(violationsOf(declared(type, { ...DATABASE }, false)).join('\n')).toContain('protect: true');
    }
  });
});
