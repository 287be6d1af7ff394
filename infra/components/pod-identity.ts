/** A service account in the cluster, and the IAM role that pods under it have: to read their own secrets, and what is named. */
import { Role } from '@pulumi/aws/iam/role.js';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import pulumi from '@pulumi/pulumi';
import type { PlatformConfig } from '../../core/platform-config.ts';

export type Statement = {
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly pulumi.Input<string>[];
};

export type PodIdentityArgs = {
  readonly namespace: pulumi.Input<string>;
  readonly namespaceName: string;
  readonly cluster: PlatformConfig['cluster'];
  readonly statements: readonly Statement[];
};

export class PodIdentity extends pulumi.ComponentResource {
  readonly serviceAccount: pulumi.Output<string>;

  constructor(name: string, args: PodIdentityArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:platform:PodIdentity', name, {}, options);
    const parent = { parent: this };
    const { oidcProviderArn, oidcIssuer } = args.cluster;
    const role = new Role(
      name,
      {
        assumeRolePolicy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Federated: oidcProviderArn },
              Action: 'sts:AssumeRoleWithWebIdentity',
              Condition: {
                StringEquals: {
                  [`${oidcIssuer}:sub`]: `system:serviceaccount:${args.namespaceName}:${name}`,
                  [`${oidcIssuer}:aud`]: 'sts.amazonaws.com',
                },
              },
            },
          ],
        }),
      },
      parent,
    );
    const policy = pulumi
      .output(args.statements)
      .apply((statements) => JSON.stringify({ Version: '2012-10-17', Statement: statements }));
    new RolePolicy(name, { role: role.name, policy }, parent);
    const account = new ServiceAccount(
      name,
      {
        metadata: {
          name,
          namespace: args.namespace,
          annotations: { 'eks.amazonaws.com/role-arn': role.arn },
        },
        automountServiceAccountToken: false,
      },
      parent,
    );
    this.serviceAccount = account.metadata.name;
    this.registerOutputs({ serviceAccount: this.serviceAccount });
  }
}
