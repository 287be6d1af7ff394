/** An edge stack as a lab writes it, for tests. */
export const EDGE_FILE = 'stacks/Pulumi.production-edge.yaml';

export const EDGE = `config:
  lab-cutover:layer: edge
  lab-cutover:inventory: stacks/production/inventory.yaml
  lab-cutover:edge:
    region: us-east-1
    accountId: "000000000000"
    vpcId: vpc-0a1b2c3d
    subnetIds: [subnet-0a, subnet-0b]
    sourceRanges: [10.60.0.0/16]
    operatorRanges: [10.70.0.0/24]
    zone: { id: Z0123456789, name: integration.internal }
    platforms:
      legacy: { addresses: [10.30.0.10], health: { protocol: tcp, port: 8443 } }
      new: { addresses: [10.40.0.10, 10.40.1.10], health: { protocol: https, port: 9443, path: /status } }
    gateway: { podRanges: [10.20.0.0/16] }
    idleTimeout: 6000s
  lab-cutover:paths:
    alderbrook-orders: { path: gateway }
    alderfield-orders: { path: direct, platform: new }
`;
