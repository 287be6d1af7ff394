/** The key under which everything of a deployment is encrypted at rest; it turns itself over once a year. */
import { Alias } from '@pulumi/aws/kms/alias.js';
import { Key } from '@pulumi/aws/kms/key.js';
import pulumi from '@pulumi/pulumi';

export type EncryptionKeyArgs = { readonly accountId: string; readonly region: string; readonly alias: string };

const DELETION_WINDOW_DAYS = 30;

export class EncryptionKey extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: EncryptionKeyArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:platform:EncryptionKey', name, {}, options);
    const key = new Key(
      name,
      {
        description: 'Cutover: database, evidence, logs and alarms',
        enableKeyRotation: true,
        deletionWindowInDays: DELETION_WINDOW_DAYS,
        policy: JSON.stringify(policyOf(args)),
      },
      { parent: this, protect: true },
    );
    new Alias(name, { name: `alias/${args.alias}`, targetKeyId: key.keyId }, { parent: this });
    this.arn = key.arn;
    this.registerOutputs({ arn: this.arn });
  }
}

function policyOf({ accountId, region }: EncryptionKeyArgs): object {
  const use = ['kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'];
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Administration',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${accountId}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
      {
        Sid: 'Services',
        Effect: 'Allow',
        Principal: { Service: [`logs.${region}.amazonaws.com`, 'cloudwatch.amazonaws.com', 'sns.amazonaws.com'] },
        Action: use,
        Resource: '*',
        Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
      },
    ],
  };
}
