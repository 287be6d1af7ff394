/** For tests: what a cloud adds to a resource, and which changes mean another resource. */

const ACCOUNT = '000000000000';

/** Outputs that the program uses, beside the inputs. */
export function computedOf(type: string, id: string): Readonly<Record<string, unknown>> {
  const [pack = '', kind = ''] = type.split(':');
  if (pack === 'kubernetes') return {};
  const service = kind.split('/')[0] ?? '';
  const common = { arn: `arn:aws:${service}:us-east-1:${ACCOUNT}:${kind.split('/')[1]}/${id}`, name: id };
  switch (type) {
    case 'aws:lb/loadBalancer:LoadBalancer':
      return { ...common, dnsName: `${id}.elb.us-east-1.amazonaws.com`, zoneId: 'ZELB', arnSuffix: `net/${id}` };
    case 'aws:route53/record:Record':
      return { fqdn: `${id}.internal` };
    case 'aws:rds/instance:Instance':
      return {
        ...common,
        address: `${id}.rds.internal`,
        endpoint: `${id}.rds.internal:5432`,
        masterUserSecrets: [{ secretArn: `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:${id}` }],
      };
    case 'aws:s3/bucket:Bucket':
      return { ...common, bucket: id };
    case 'aws:kms/key:Key':
      return { ...common, keyId: id };
    default:
      return common;
  }
}

/** Of the documentation of the provider; what AWS itself does is not proven here. */
const REPLACES: Readonly<Record<string, readonly string[]>> = {
  'aws:lb/targetGroup:TargetGroup': ['name', 'port', 'protocol', 'vpcId', 'targetType'],
  'aws:lb/loadBalancer:LoadBalancer': ['name', 'internal', 'loadBalancerType'],
  'aws:lb/listener:Listener': ['loadBalancerArn'],
  'aws:lb/targetGroupAttachment:TargetGroupAttachment': ['targetGroupArn', 'targetId', 'port'],
};

export function isReplaced(type: string, property: string): boolean {
  return REPLACES[type]?.includes(property) === true;
}
