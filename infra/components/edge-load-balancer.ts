/** An internal network load balancer for a block of up to 50 feeds, with a security group that admits their sources only. */
import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { LoadBalancer } from '@pulumi/aws/lb/loadBalancer.js';
import { Record as DnsRecord } from '@pulumi/aws/route53/record.js';
import { SecurityGroupEgressRule } from '@pulumi/aws/vpc/securityGroupEgressRule.js';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule.js';
import pulumi from '@pulumi/pulumi';
import type { EdgeConfig } from '../../core/edge/edge-config.ts';
import { LISTENERS_LIMIT } from '../../core/edge/load-balancers.ts';
import { shortName } from './names.ts';

export type EdgeLoadBalancerArgs = {
  readonly deployment: string;
  readonly firstPort: number;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly sourceRanges: readonly string[];
  /** Platforms and gateway pods. */
  readonly targetRanges: readonly string[];
  readonly zone: EdgeConfig['zone'];
};

export class EdgeLoadBalancer extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;
  readonly securityGroupId: pulumi.Output<string>;
  readonly dnsName: pulumi.Output<string>;

  constructor(name: string, args: EdgeLoadBalancerArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:edge:EdgeLoadBalancer', name, {}, options);
    const parent = { parent: this };
    const lastPort = args.firstPort + LISTENERS_LIMIT - 1;
    const group = new SecurityGroup(
      name,
      { vpcId: args.vpcId, description: `feeds on ports ${args.firstPort} to ${lastPort}` },
      parent,
    );
    args.sourceRanges.forEach((cidrIpv4, index) => {
      new SecurityGroupIngressRule(
        `${name}-sources-${index}`,
        { securityGroupId: group.id, ipProtocol: 'tcp', fromPort: args.firstPort, toPort: lastPort, cidrIpv4 },
        parent,
      );
    });
    args.targetRanges.forEach((cidrIpv4, index) => {
      new SecurityGroupEgressRule(
        `${name}-targets-${index}`,
        { securityGroupId: group.id, ipProtocol: 'tcp', fromPort: 1, toPort: 65_535, cidrIpv4 },
        parent,
      );
    });
    const balancer = new LoadBalancer(
      name,
      {
        name: shortName('cutover', args.deployment, name),
        loadBalancerType: 'network',
        internal: true,
        subnets: [...args.subnetIds],
        securityGroups: [group.id],
        // A source has one address to connect to; without cross-zone a zone without a healthy target would refuse it.
        enableCrossZoneLoadBalancing: true,
        enableDeletionProtection: true,
        tags: { 'cutover:deployment': args.deployment, 'cutover:load-balancer': name },
      },
      { parent: this, protect: true },
    );
    const record = new DnsRecord(
      name,
      {
        zoneId: args.zone.id,
        name: `${name}.${args.zone.name}`,
        type: 'A',
        aliases: [{ name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: true }],
      },
      parent,
    );
    this.arn = balancer.arn;
    this.securityGroupId = group.id;
    this.dnsName = record.fqdn;
    this.registerOutputs({ arn: this.arn, dnsName: this.dnsName });
  }
}
