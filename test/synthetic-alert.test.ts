/**
 * The synthetic alert as the runbook has it: the commands of runbooks/monitor.md are taken from it and typed. A real Alertmanager
 * takes the alert to a real receiver; the person who is called writes it down, and the hand-over shows it.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { freePort } from '../adapters/test-ports.ts';

const ROOT = resolve(import.meta.dirname, '..');
const LIMIT_MS = 600_000;
const run = promisify(execFile);
const HAS_ALERTMANAGER = ['prometheus-alertmanager', 'amtool'].every(
  (command) => spawnSync(command, ['--version']).status === 0,
);
const pageSchema = z.object({
  status: z.string(),
  alerts: z.array(z.object({ labels: z.record(z.string(), z.string()), fingerprint: z.string() })),
});

describe.skipIf(!HAS_ALERTMANAGER)(
  'the synthetic alert (skipped without prometheus-alertmanager)',
  { timeout: LIMIT_MS },
  () => {
    let folder: string;
    let receiver: Server;
    let alertmanager: ReturnType<typeof spawn>;
    let address: string;
    let commands: readonly string[];
    const pages: z.output<typeof pageSchema>[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cutover-alert-'));
      receiver = createServer((request, response) => {
        const take = (body: unknown): void => {
          pages.push(pageSchema.parse(body));
          response.end();
        };
        json(request)
          .then(take)
          .catch(() => response.destroy());
      });
      const receiverPort = await listening(receiver);
      const route = { receiver: 'on-call', group_wait: '0s' };
      const receivers = [{ name: 'on-call', webhook_configs: [{ url: `http://127.0.0.1:${receiverPort}/` }] }];
      await writeFile(join(folder, 'alertmanager.yml'), JSON.stringify({ route, receivers }));
      address = `127.0.0.1:${await freePort()}`;
      alertmanager = spawn(
        'prometheus-alertmanager',
        [
          `--config.file=${join(folder, 'alertmanager.yml')}`,
          `--storage.path=${join(folder, 'data')}`,
          `--web.listen-address=${address}`,
          '--cluster.listen-address=',
        ],
        { stdio: 'ignore' },
      );
      await vi.waitFor(async () => expect((await fetch(`http://${address}/-/ready`)).status).toBe(200), {
        timeout: 60_000,
        interval: 100,
      });
      for (const copied of ['stacks', 'Pulumi.yaml', 'package.json']) {
        await cp(join(ROOT, copied), join(folder, copied), { recursive: true });
      }
      commands = await commandsOf('The synthetic alert');
    }, LIMIT_MS);
    afterAll(async () => {
      if (alertmanager?.exitCode === null) {
        alertmanager.kill('SIGTERM');
        await once(alertmanager, 'exit');
      }
      receiver?.close();
      await rm(folder, { recursive: true, force: true });
    });

    it('goes from the command of the runbook to whoever is called', async () => {
      const command = commands.find((line) => line.startsWith('amtool')) ?? '';
      await run('sh', ['-c', command.replace('ALERTMANAGER:9093', address)]);
      await vi.waitFor(() => expect(pages).not.toEqual([]), { timeout: 60_000, interval: 100 });
      expect(pages[0]).toMatchObject({
        status: 'firing',
        alerts: [{ labels: { alertname: 'CutoverSynthetic', severity: 'page' } }],
      });
    });

    it('is acknowledged under the name of the new on-call, and the hand-over says so', async () => {
      const fingerprint = pages[0]?.alerts[0]?.fingerprint ?? '';
      const filled = commands
        .filter((line) => line.startsWith('npx cutover'))
        .map((line) => line.replace('"NAME"', '"Dana Ruiz"').replace('NUMBER', fingerprint).replace('TIME', '21:04'));
      const printed: string[] = [];
      for (const command of filled) {
        const typed = command.replace('npx cutover', `"${process.execPath}" "${join(ROOT, 'scripts/cutover.ts')}"`);
        const { stdout } = await run('sh', ['-c', `${typed} --project "${folder}" --json`]);
        printed.push(stdout);
      }
      expect(JSON.parse(printed.at(-1) ?? '{}')).toMatchObject({
        verb: 'handover',
        lastAlert: { by: 'Dana Ruiz', isOnCall: true },
      });
    });
  },
);

/** Each line of the code blocks of a section of runbooks/monitor.md. */
async function commandsOf(section: string): Promise<readonly string[]> {
  const text = await readFile(join(ROOT, 'runbooks/monitor.md'), 'utf8');
  const [, rest = ''] = text.split(`## ${section}\n`);
  return [...rest.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
