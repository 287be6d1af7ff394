/**
 * One of the two platforms as the network sees it: a private DNS name, and the security group that lets load balancers
 * and gateways reach its MLLP ports and its health port, and nobody else.
 */

import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { Record as DnsRecord } from '@pulumi/aws/route53/record.js';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule.js';
import pulumi from '@pulumi/pulumi';
import type { EdgeConfig } from '../../core/edge/edge-config.ts';
import type { Platform } from '../../core/platform.ts';

const DNS_TTL_SECONDS = 60;

export type PlatformEndpointArgs = {
  readonly platform: Platform;
  readonly addresses: readonly string[];
  readonly health: EdgeConfig['platforms']['legacy']['health'];
  readonly zone: EdgeConfig['zone'];
  readonly vpcId: string;
  /** From the lowest to the highest MLLP port that sources of this platform use. */
  readonly ports: { readonly from: number; readonly to: number };
  /** Security groups of those who may connect. */
  readonly clients: Readonly<Record<string, pulumi.Input<string>>>;
};

export class PlatformEndpoint extends pulumi.ComponentResource {
  readonly addresses: readonly string[];
  readonly health: PlatformEndpointArgs['health'];
  readonly dnsName: pulumi.Output<string>;
  readonly securityGroupId: pulumi.Output<string>;

  constructor(name: string, args: PlatformEndpointArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:edge:PlatformEndpoint', name, {}, options);
    const parent = { parent: this };
    this.addresses = args.addresses;
    this.health = args.health;
    const record = new DnsRecord(
      name,
      {
        zoneId: args.zone.id,
        name: `${args.platform}.${args.zone.name}`,
        type: 'A',
        ttl: DNS_TTL_SECONDS,
        records: [...args.addresses],
      },
      parent,
    );
    const group = new SecurityGroup(
      name,
      { vpcId: args.vpcId, description: `MLLP and health ports of the ${args.platform} platform` },
      parent,
    );
    for (const [client, clientGroup] of Object.entries(args.clients)) {
      const common = {
        securityGroupId: group.id,
        referencedSecurityGroupId: clientGroup,
        ipProtocol: 'tcp',
      };
      new SecurityGroupIngressRule(
        `${name}-mllp-${client}`,
        { ...common, description: 'MLLP', fromPort: args.ports.from, toPort: args.ports.to },
        parent,
      );
      new SecurityGroupIngressRule(
        `${name}-health-${client}`,
        { ...common, description: 'health checks', fromPort: args.health.port, toPort: args.health.port },
        parent,
      );
    }
    this.dnsName = record.fqdn;
    this.securityGroupId = group.id;
    this.registerOutputs({ dnsName: this.dnsName, securityGroupId: this.securityGroupId });
  }
}
