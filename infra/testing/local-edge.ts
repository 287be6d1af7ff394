/** For tests: an edge stack of the example's first practices on the real engine, a cloud that is none, and a real gateway behind it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { freePorts } from '../../adapters/test-ports.ts';
import { type GatewayProcess, startGatewayProcess } from '../provider/gateway-process.ts';
import { exampleInventory } from './example-inventory.ts';
import { createStandInProject, type StandInProject } from './stand-in-stack.ts';

export const EDGE = 'production-edge';
const LISTENER = 'aws:lb/listener:Listener';

export type LocalEdge = {
  readonly gateway: GatewayProcess;
  readonly project: StandInProject;
  readonly feeds: readonly string[];
  /** As the cloud has them: direct to legacy, gateway, direct to new. */
  weights(feed: string): Promise<readonly number[]>;
  /** In the cloud alone, as a person does it in the console. */
  setByHand(feed: string, weights: readonly number[]): Promise<void>;
  stop(): Promise<void>;
};

export async function startLocalEdge(practices: number): Promise<LocalEdge> {
  const inventory = await localInventory(practices);
  const gateway = await startGatewayProcess(inventory);
  const project = await createStandInProject();
  const own = { ...inventory, gateways: [{ shard: 0, admin: gateway.admin }] };
  await writeFile(join(project.folder, 'stacks/production/inventory.yaml'), JSON.stringify(own));
  await project.run(EDGE, ['stack', 'init']);
  const { exitCode, output } = await project.run(EDGE, ['up', '--yes', '--skip-preview']);
  if (exitCode !== 0) throw new Error(output);
  return {
    gateway,
    project,
    feeds: inventory.connections.map(({ name }) => name),
    weights: async (feed) => {
      const listener = (await project.resources()).find(({ urn }) => urn.endsWith(`${LISTENER}::${feed}`));
      const [action] = Object(listener?.outputs.defaultActions);
      return action.forward.targetGroups.map(({ weight }: { weight: number }) => weight);
    },
    setByHand: (feed, weights) =>
      project.tamper(`${LISTENER}::${feed}`, (kept) => {
        const left = weights.values();
        const text = JSON.stringify(kept.outputs).replaceAll(
          /"weight":\d+/g,
          () => `"weight":${left.next().value ?? 0}`,
        );
        return { ...kept, inputs: JSON.parse(text), outputs: JSON.parse(text) };
      }),
    stop: async () => {
      await gateway.stop();
      await project.remove();
    },
  };
}

/** As a gateway on this machine can serve them. */
async function localInventory(practices: number) {
  const example = parse(exampleInventory(practices));
  const connections: readonly { readonly name: string; readonly feed: object }[] = example.connections;
  const ports = await freePorts(connections.length * 3);
  return {
    deployment: example.deployment,
    gateways: [{ shard: 0, admin: 'https://127.0.0.1:7443' }],
    connections: connections.map((one, index) => {
      const [port, legacy, next] = ports.slice(index * 3);
      return { ...one, feed: { ...one.feed, port }, legs: { legacy: { port: legacy }, new: { port: next } } };
    }),
  };
}
