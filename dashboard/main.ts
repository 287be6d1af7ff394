// `node dashboard/main.ts`, started by `cutover dashboard`: the war room's page, until it is told to end.
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readInventoryFile } from '../adapters/inventory-file.ts';
import { readReceivers } from '../adapters/notify.ts';
import { readStackFile } from '../adapters/stack-file.ts';
import { formatProblems } from '../core/located-yaml.ts';
import { Acting } from './acting.ts';
import { type DashboardOptions, HELP, parseArguments } from './arguments.ts';
import { bundlePage } from './bundle.ts';
import { Collector } from './collector.ts';
import { Notifier } from './notifier.ts';
import { DashboardServer } from './server.ts';

const EXIT = { done: 0, failed: 1, usage: 2 } as const;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1']);

class Usage extends Error {}

process.exitCode = await main();

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2), process.cwd(), process.env);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(HELP);
      return EXIT.done;
    case 'usage':
      process.stderr.write(`${parsed.message}\ncutover dashboard --help\n`);
      return EXIT.usage;
    case 'run':
      try {
        return await serve(parsed.options);
      } catch (error) {
        process.stderr.write(`dashboard: ${error instanceof Error ? error.message : String(error)}\n`);
        return error instanceof Usage ? EXIT.usage : EXIT.failed;
      }
  }
}

async function serve(options: DashboardOptions): Promise<number> {
  const { host, port } = options;
  const token = process.env.CUTOVER_DASHBOARD_TOKEN || null;
  if (!LOOPBACK.has(host) && token === null)
    throw new Usage(`on ${host} everyone could look: set CUTOVER_DASHBOARD_TOKEN`);
  if (options.acts && !LOOPBACK.has(host))
    throw new Usage(
      '--actions is for this machine only: tokens would go over the network. From elsewhere: ssh -L PORT:127.0.0.1:PORT HOST',
    );
  const stacks = join(resolve(options.project), 'stacks');
  const stack = options.stack ?? (await onlyStack(stacks));
  const inventoryFile = options.inventory === null ? join(stacks, stack, 'inventory.yaml') : resolve(options.inventory);
  const inventory = await readInventoryFile(inventoryFile);
  if (!inventory.ok) throw new Usage(formatProblems(inventory.problems));
  const notifier = options.notifies ? await openNotifier(join(stacks, stack)) : null;
  const assets = await bundlePage();
  let server: DashboardServer | null = null;
  const collector = new Collector({
    inventory: inventory.value,
    stack,
    stackFile: join(stacks, `Pulumi.${stack}.yaml`),
    approvalFolder: join(stacks, stack, 'approvals'),
    evidenceFolder: join(stacks, stack, 'evidence'),
    env: process.env,
    onChange: () => {
      server?.publish();
      notifier?.look(collector.whole());
    },
    onMoves: (moves) => notifier?.noteMoves(moves),
  });
  await collector.start();
  server = new DashboardServer({
    assets,
    whole: () => collector.whole(),
    detail: (name) => collector.detail(name),
    token,
    host,
    ...(options.acts
      ? {
          acting: new Acting({
            inventory: inventory.value,
            project: resolve(options.project),
            stack,
            env: process.env,
          }),
        }
      : {}),
  });
  const bound = await server.listen(port, host);
  process.stdout.write(
    `${JSON.stringify({ ready: true, url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/` })}\n`,
  );
  await new Promise((end) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  });
  await server.close();
  await collector.close();
  return EXIT.done;
}

async function openNotifier(stackFolder: string): Promise<Notifier> {
  const receivers = await readReceivers(stackFolder);
  if (!receivers.ok) throw new Usage(receivers.message);
  if (receivers.value.length === 0)
    throw new Usage(`--notify: ${join(stackFolder, 'notify.yaml')} names no receiver; docs/how-to/notify.md says how`);
  return new Notifier(receivers.value, process.env);
}

async function onlyStack(folder: string): Promise<string> {
  const names: string[] = [];
  for (const file of await readdir(folder).catch(() => [])) {
    const name = /^Pulumi\.(.+)\.ya?ml$/.exec(file)?.[1];
    if (name === undefined) continue;
    const read = await readStackFile(join(folder, file));
    if (!read.ok || read.value.config.layer === 'routes') names.push(name);
  }
  const [only, ...others] = names;
  if (only === undefined)
    throw new Usage(
      `no stack with routes in ${folder}: name the project with --project, or an inventory with --inventory and --stack`,
    );
  if (others.length > 0) throw new Usage(`which stack? there are ${names.join(', ')}: --stack ${only}`);
  return only;
}
