/** The provider's process, whose engine is killed: it does not stay behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { isProcessAlive } from '../../adapters/process-alive.ts';

const LIMIT_MS = 60_000;

/** Stands for the engine: starts the provider, says its pid once it listens, and waits. */
const ENGINE = `
  const child = require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.once('data', () => console.log(child.pid));
  setInterval(() => undefined, 1000);`;

test(
  'given a provider that listens, when its engine is killed, then it ends by itself',
  async () => {
    const engine = spawn(process.execPath, ['-e', ENGINE, join(import.meta.dirname, 'provider.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface(engine.stdout), 'line');
    const provider = Number(line);
    expect(isProcessAlive(provider)).toBe(true);
    engine.kill('SIGKILL');
    try {
      await expect.poll(() => isProcessAlive(provider), { timeout: LIMIT_MS / 2, interval: 100 }).toBe(false);
    } finally {
      if (isProcessAlive(provider)) process.kill(provider, 'SIGKILL');
    }
  },
  LIMIT_MS,
);
