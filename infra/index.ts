/**
 * The Pulumi program `lab-cutover`. A stack is one layer of a deployment, named by `lab-cutover:layer`. A layer is loaded
 * when it is the one that is meant: the routes layer, which runs at night, loads neither AWS nor Kubernetes.
 */
import pulumi from '@pulumi/pulumi';
import { readEdgeStack, readInventory, readLayer, readStackConfig } from './read-stack.ts';

/** The stack's outputs. */
export default await declareLayer();

async function declareLayer(): Promise<object> {
  switch (readLayer()) {
    case 'routes': {
      const { routesLayer } = await import('./routes.ts');
      return routesLayer(readStackConfig());
    }
    case 'edge': {
      const { edgeLayer } = await import('./edge.ts');
      const stack = readEdgeStack();
      return edgeLayer(stack, readInventory(stack));
    }
    case 'platform':
      throw new pulumi.RunError("layer 'platform' is not part of this version");
  }
}
