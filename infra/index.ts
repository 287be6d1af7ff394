/** The Pulumi program `lab-cutover`. A stack is one layer of a deployment, named by `lab-cutover:layer`. */
import pulumi from '@pulumi/pulumi';
import { readStackConfig } from './read-stack.ts';
import { routesLayer } from './routes.ts';

const stackConfig = readStackConfig();

/** Stack outputs; empty where the layer has none. */
export const { gateways } = declareLayer();

function declareLayer(): { gateways: object } {
  switch (stackConfig.layer) {
    case 'routes':
      return routesLayer(stackConfig);
    case 'platform':
    case 'edge':
      throw new pulumi.RunError(
        `layer '${stackConfig.layer}' belongs to target production and is not part of this version; in target local a deployment has one stack, with lab-cutover:layer: routes`,
      );
  }
}
