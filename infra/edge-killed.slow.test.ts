/**
 * kill -9 at every step of `insert` and `remove`: of the verb, of the engine, of the cloud's provider, of the gateway; on the real
 * engine with a cloud that is none. Each kill has a feed of its own: afterwards its listener leads one known way, and the
 * same command over all of them finishes.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processRunning } from '../adapters/process-harness.ts';
import { pathDocumentSchema } from '../core/documents.ts';
import { EDGE, type LocalEdge, startLocalEdge } from './testing/local-edge.ts';

const LIMIT_MS = 900_000;
const PRACTICES = 6;
const STEPS = 4;

let edge: LocalEdge;

beforeAll(async () => {
  edge = await startLocalEdge(PRACTICES);
}, LIMIT_MS);
afterAll(() => edge?.stop());

const DIRECT = [100, 0, 0];
const GATEWAY = [0, 100, 0];

test.each([
  { verb: 'insert', more: [], to: GATEWAY, says: 'gateway' },
  { verb: 'remove', more: ['--reason', 'back to where it was'], to: DIRECT, says: 'direct' },
])(
  '$verb, killed at every step: each listener leads one known way, and again finishes',
  async ({ verb, more, to, says }) => {
    const { feeds, gateway, project, weights } = edge;
    const fresh = feeds.values();
    const command = (names: readonly string[]): string[] => [verb, '--feed', names.join(','), ...more, '--yes'];
    const strike = async (what: string, kill: (started: Started) => Promise<void>): Promise<void> => {
      const feed = fresh.next().value ?? '';
      const started = start(command([feed]));
      await kill(started);
      const { stdout, stderr } = await started.ended;
      if (stdout !== '') expect(() => JSON.parse(stdout), what).not.toThrow();
      expect(stdout + stderr, what).not.toMatch(/\n\s+at .*:\d+:\d+/);
      expect([DIRECT, GATEWAY], what).toContainEqual(await weights(feed));
    };
    for (let step = 1; step <= STEPS; step++) {
      await strike(`the verb at step ${step}`, async (started) => {
        await started.until(step);
        started.child.kill('SIGKILL');
      });
    }
    for (const [step, command] of [
      [1, 'pulumi up'],
      [2, 'pulumi refresh'],
    ] as const) {
      for (const victim of [command, 'stand-in/aws/../provider.ts']) {
        await strike(`${victim} in step ${step}`, async (started) => {
          await started.until(step);
          await processRunning(command, ownHome());
          const provider = await processRunning('stand-in/aws/../provider.ts', ownHome());
          process.kill(victim === command ? await processRunning(command, ownHome()) : provider, 'SIGKILL');
        });
      }
    }
    // Down through all of its steps, and at the last one.
    for (const step of [1, STEPS]) {
      await strike(`the gateway from step ${step} on`, async (started) => {
        await started.until(step);
        await gateway.kill();
        await started.ended;
        await gateway.restart();
      });
    }
    const { stdout, stderr, exitCode } = await start(command(feeds)).ended;
    expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
    const { changed, alreadyThere } = pathDocumentSchema.parse(JSON.parse(stdout));
    expect(changed.length + alreadyThere.length).toBe(feeds.length);
    const file = await readFile(join(project.folder, `stacks/Pulumi.${EDGE}.yaml`), 'utf8');
    for (const feed of feeds) {
      expect(await weights(feed)).toEqual(to);
      expect(file).toMatch(new RegExp(`${feed}: \\{ ?path: ${says}`));
    }
  },
  LIMIT_MS,
);

type Started = ReturnType<typeof start>;

function start(args: readonly string[]) {
  const main = resolve(import.meta.dirname, '../scripts/cutover.ts');
  const child = spawn(process.execPath, [main, ...args, '--stack', 'production', '--json'], {
    cwd: edge.project.folder,
    env: { ...edge.project.env, ...edge.gateway.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    said.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.stderr += chunk.toString();
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<{ exitCode: number; stdout: string; stderr: string }>((done) => {
    child.once('close', (code) => done({ exitCode: code ?? -1, ...said }));
  });
  const until = (step: number): Promise<void> =>
    new Promise((done, fail) => {
      const watcher = (): void => {
        if (said.stderr.includes(`[${step}/${STEPS}] `)) done();
      };
      watchers.add(watcher);
      watcher();
      void ended.then(() => fail(new Error(`it ended before step ${step}: ${said.stdout}${said.stderr}`)));
    });
  return { child, ended, until };
}

function ownHome(): string {
  return `PULUMI_HOME=${edge.project.folder}/home`;
}
