/**
 * The Pulumi program `lab-cutover`. A stack is one layer of a deployment, named by `lab-cutover:layer`. A layer is loaded
 * when it is the one that is meant: the routes layer, which runs at night, loads neither AWS nor Kubernetes.
 */
import { readEdgeStack, readInventory, readLayer, readPlatformStack, readStackConfig } from './read-stack.ts';

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
    case 'platform': {
      const { platformLayer } = await import('./platform.ts');
      const stack = readPlatformStack();
      return platformLayer(stack, readInventory(stack));
    }
  }
}
