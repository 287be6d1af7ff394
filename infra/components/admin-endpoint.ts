/**
 * The way to the gateways' admin API: an internal load balancer with a port a shard, for operators' networks only. TLS
 * ends in the gateway, which asks for a client certificate; nothing on the way can read or forge a move.
 */
import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { Listener } from '@pulumi/aws/lb/listener.js';
import { LoadBalancer } from '@pulumi/aws/lb/loadBalancer.js';
import { Record as DnsRecord } from '@pulumi/aws/route53/record.js';
import { SecurityGroupEgressRule } from '@pulumi/aws/vpc/securityGroupEgressRule.js';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule.js';
import pulumi from '@pulumi/pulumi';
import type { EdgeConfig } from '../../core/edge/edge-config.ts';
import { gatewayTarget } from './gateway-target.ts';
import { shortName } from './names.ts';

export type AdminEndpointArgs = {
  readonly deployment: string;
  readonly shards: readonly number[];
  readonly gateway: EdgeConfig['gateway'];
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly operatorRanges: readonly string[];
  readonly zone: EdgeConfig['zone'];
  readonly kubernetes: pulumi.ProviderResource;
};

export class AdminEndpoint extends pulumi.ComponentResource {
  readonly dnsName: pulumi.Output<string>;

  constructor(name: string, args: AdminEndpointArgs, options: pulumi.ComponentResourceOptions = {}) {
    super('cutover:edge:AdminEndpoint', name, {}, options);
    const parent = { parent: this };
    const { adminPort, podRanges } = args.gateway;
    const portOf = (shard: number): number => adminPort + shard;
    const group = new SecurityGroup(name, { vpcId: args.vpcId, description: 'admin API of the gateways' }, parent);
    const ports = { fromPort: adminPort, toPort: portOf(Math.max(...args.shards)) };
    args.operatorRanges.forEach((cidrIpv4, index) => {
      const rule = { securityGroupId: group.id, ipProtocol: 'tcp', cidrIpv4, ...ports };
      new SecurityGroupIngressRule(`${name}-operators-${index}`, rule, parent);
    });
    podRanges.forEach((cidrIpv4, index) => {
      const rule = { securityGroupId: group.id, ipProtocol: 'tcp', cidrIpv4, fromPort: adminPort, toPort: adminPort };
      new SecurityGroupEgressRule(`${name}-gateways-${index}`, rule, parent);
    });
    const balancer = new LoadBalancer(
      name,
      {
        name: shortName('cutover', args.deployment, name),
        loadBalancerType: 'network',
        internal: true,
        subnets: [...args.subnetIds],
        securityGroups: [group.id],
        enableDeletionProtection: true,
      },
      { parent: this, protect: true },
    );
    for (const shard of args.shards) this.#listen(`${name}-${shard}`, shard, portOf(shard), balancer, args);
    const record = new DnsRecord(
      name,
      {
        zoneId: args.zone.id,
        name: `gateway.${args.zone.name}`,
        type: 'A',
        aliases: [{ name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: false }],
      },
      parent,
    );
    this.dnsName = record.fqdn;
    this.registerOutputs({ dnsName: this.dnsName });
  }

  #listen(name: string, shard: number, port: number, balancer: LoadBalancer, args: AdminEndpointArgs): void {
    const { adminPort } = args.gateway;
    const target = { ...args, shard, port: adminPort, deregistrationDelayMs: 0, healthPath: '/healthz' } as const;
    const group = gatewayTarget(name, name, { ...target, tags: { 'cutover:shard': String(shard) } }, this);
    new Listener(
      name,
      {
        loadBalancerArn: balancer.arn,
        port,
        protocol: 'TCP',
        defaultActions: [{ type: 'forward', targetGroupArn: group.arn }],
      },
      { parent: this },
    );
  }
}
