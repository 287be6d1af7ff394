/** For tests: a running process, found by its command line and by its own environment, so that no other run's is taken. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 20;

/** Waits for it; `variable`: `NAME=value` of its environment. Gives back its id. */
export async function processRunning(command: string, variable: string): Promise<number> {
  const endsAt = performance.now() + LIMIT_MS;
  while (performance.now() < endsAt) {
    const found = await find(command, variable);
    if (found !== null) return found;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`no process with '${command}' and ${variable} began within ${LIMIT_MS / 1000} s`);
}

async function find(command: string, variable: string): Promise<number | null> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const line = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (!line.includes(command)) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(variable)) return Number(entry);
  }
  return null;
}
