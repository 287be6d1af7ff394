/** Where evidence, approvals and ledger checkpoints lie: versioned, encrypted, and for years deletable by nobody. */
import { Bucket } from '@pulumi/aws/s3/bucket.js';
import { BucketObjectLockConfiguration } from '@pulumi/aws/s3/bucketObjectLockConfiguration.js';
import { BucketPolicy } from '@pulumi/aws/s3/bucketPolicy.js';
import { BucketPublicAccessBlock } from '@pulumi/aws/s3/bucketPublicAccessBlock.js';
import { BucketServerSideEncryptionConfiguration } from '@pulumi/aws/s3/bucketServerSideEncryptionConfiguration.js';
import { BucketVersioning } from '@pulumi/aws/s3/bucketVersioning.js';
import pulumi from '@pulumi/pulumi';
import { daysOf, type PlatformConfig } from '../../core/platform-config.ts';

export type EvidenceBucketArgs = {
  readonly deployment: string;
  readonly accountId: string;
  readonly keyArn: pulumi.Input<string>;
  readonly evidence: PlatformConfig['evidence'];
};

export class EvidenceBucket extends pulumi.ComponentResource {
  readonly bucket: pulumi.Output<string>;

  constructor(name: string, args: EvidenceBucketArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:platform:EvidenceBucket', name, {}, options);
    const parent = { parent: this };
    const bucketName = `${args.deployment}-evidence-${args.accountId}`;
    const created = new Bucket(
      name,
      { bucket: bucketName, objectLockEnabled: true, forceDestroy: false },
      { parent: this, protect: true },
    );
    const bucket = created.bucket;
    new BucketVersioning(name, { bucket, versioningConfiguration: { status: 'Enabled' } }, parent);
    new BucketObjectLockConfiguration(
      name,
      { bucket, rule: { defaultRetention: { mode: args.evidence.mode, days: daysOf(args.evidence.keptFor) } } },
      parent,
    );
    new BucketServerSideEncryptionConfiguration(
      name,
      {
        bucket,
        rules: [
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: args.keyArn },
            bucketKeyEnabled: true,
          },
        ],
      },
      parent,
    );
    new BucketPublicAccessBlock(
      name,
      { bucket, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
      parent,
    );
    new BucketPolicy(name, { bucket, policy: JSON.stringify(tlsOnly(bucketName)) }, parent);
    this.bucket = bucket;
    this.registerOutputs({ bucket });
  }
}

function tlsOnly(bucket: string): object {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
}
