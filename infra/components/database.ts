/**
 * PostgreSQL for records, proofs and ledger: two zones, encrypted, backed up, reached over TLS by pods only. Its outage
 * stops no traffic. RDS keeps and turns over the master's password; the application's is rotated in Secrets Manager.
 */
import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { Instance } from '@pulumi/aws/rds/instance.js';
import { ParameterGroup } from '@pulumi/aws/rds/parameterGroup.js';
import { SubnetGroup } from '@pulumi/aws/rds/subnetGroup.js';
import { SecretRotation } from '@pulumi/aws/secretsmanager/secretRotation.js';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule.js';
import pulumi from '@pulumi/pulumi';
import { daysOf, type PlatformConfig } from '../../core/platform-config.ts';

const POSTGRES_PORT = 5432;

export type DatabaseArgs = {
  readonly deployment: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly clientRanges: readonly string[];
  readonly keyArn: pulumi.Input<string>;
  readonly size: PlatformConfig['database'];
  /** Of the application user. */
  readonly secretArn: string;
};

export class Database extends pulumi.ComponentResource {
  readonly endpoint: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:platform:Database', name, {}, options);
    const parent = { parent: this };
    const { size, keyArn } = args;
    const subnets = new SubnetGroup(name, { subnetIds: [...args.subnetIds] }, parent);
    const group = new SecurityGroup(name, { vpcId: args.vpcId, description: 'PostgreSQL of Cutover' }, parent);
    args.clientRanges.forEach((cidrIpv4, index) => {
      const rule = { ipProtocol: 'tcp', fromPort: POSTGRES_PORT, toPort: POSTGRES_PORT, cidrIpv4 };
      new SecurityGroupIngressRule(`${name}-${index}`, { ...rule, securityGroupId: group.id }, parent);
    });
    const parameters = new ParameterGroup(
      name,
      {
        family: `postgres${size.engineVersion.split('.')[0]}`,
        parameters: [{ name: 'rds.force_ssl', value: '1', applyMethod: 'pending-reboot' }],
      },
      parent,
    );
    const instance = new Instance(
      name,
      {
        identifier: args.deployment,
        dbName: 'cutover',
        engine: 'postgres',
        engineVersion: size.engineVersion,
        instanceClass: size.instanceClass,
        allocatedStorage: size.storageGiB,
        maxAllocatedStorage: size.maxStorageGiB,
        storageType: 'gp3',
        multiAz: true,
        storageEncrypted: true,
        kmsKeyId: keyArn,
        username: 'cutover_admin',
        manageMasterUserPassword: true,
        masterUserSecretKmsKeyId: keyArn,
        dbSubnetGroupName: subnets.name,
        parameterGroupName: parameters.name,
        vpcSecurityGroupIds: [group.id],
        publiclyAccessible: false,
        backupRetentionPeriod: daysOf(size.backupsKept),
        backupWindow: '07:00-08:00',
        copyTagsToSnapshot: true,
        deletionProtection: true,
        skipFinalSnapshot: false,
        finalSnapshotIdentifier: `${args.deployment}-final`,
        performanceInsightsEnabled: true,
        performanceInsightsKmsKeyId: keyArn,
        enabledCloudwatchLogsExports: ['postgresql', 'upgrade'],
        // A new minor version restarts it: that is decided, not had at night.
        autoMinorVersionUpgrade: false,
      },
      { parent: this, protect: true },
    );
    new SecretRotation(
      name,
      {
        secretId: args.secretArn,
        rotationLambdaArn: size.rotationFunctionArn,
        rotationRules: { automaticallyAfterDays: daysOf(size.rotateEvery) },
      },
      parent,
    );
    this.endpoint = instance.endpoint;
    this.registerOutputs({ endpoint: this.endpoint });
  }
}
