/**
 * Applies mutants to a copy of the gateway and core, one at a time, and lets the simulation hunt each in a process of its
 * own. A mutant that nothing catches is a hole in the oracle or in the scenarios.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Mutant } from './mutants/mutant.ts';

export type HuntOptions = { readonly seeds: number; readonly steps: number; readonly processes: number };
export type Outcome = {
  readonly mutant: Mutant;
  /** Null: it survived. */
  readonly caught: z.output<typeof catchSchema>;
  readonly wallMs: number;
};

const catchSchema = z.object({ scenario: z.string(), seed: z.int(), violation: z.string() }).nullable();
const root = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['gateway', 'core'];
const HUNT_LIMIT_MS = 600_000;

/** Every mutant in the order of the list; `told` hears of each as it ends. */
export async function huntAll(
  mutants: readonly Mutant[],
  options: HuntOptions,
  told: (outcome: Outcome) => void = () => {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = [...mutants.entries()];
  const worker = async (): Promise<void> => {
    const place = await mkdtemp(join(tmpdir(), 'cutover-mutant-'));
    try {
      await copyTo(place);
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, mutant] = next;
        const outcome = await huntOne(place, mutant, options);
        outcomes[index] = outcome;
        told(outcome);
      }
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: options.processes }, worker));
  return outcomes;
}

/** What the same hunt finds in the engine as it is: anything but null makes every catch worthless. */
export async function huntUnbroken(options: HuntOptions): Promise<Outcome['caught']> {
  return hunt(root, options, '');
}

async function copyTo(place: string): Promise<void> {
  for (const folder of FOLDERS) {
    await cp(join(root, folder), join(place, folder), {
      recursive: true,
      filter: (path) => !path.endsWith('.test.ts'),
    });
  }
  for (const name of ['node_modules', 'package.json']) await symlink(join(root, name), join(place, name));
}

async function huntOne(place: string, mutant: Mutant, options: HuntOptions): Promise<Outcome> {
  const path = join(place, mutant.file);
  const source = await readFile(path, 'utf8');
  const times = source.split(mutant.find).length - 1;
  if (times !== 1) {
    throw new Error(
      `mutant '${mutant.name}': its text is found ${times} times in ${mutant.file}; write it anew in gateway/simulation/mutants/`,
    );
  }
  const startedMs = performance.now();
  await writeFile(
    path,
    source.replace(mutant.find, () => mutant.replace),
  );
  try {
    const caught = await hunt(place, options, mutant.scenario ?? '');
    return { mutant, caught, wallMs: performance.now() - startedMs };
  } finally {
    await writeFile(path, source);
  }
}

function hunt(place: string, { seeds, steps }: HuntOptions, first: string): Promise<z.output<typeof catchSchema>> {
  const program = join(place, 'gateway', 'simulation', 'hunt.ts');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, String(seeds), String(steps), first], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: HUNT_LIMIT_MS,
    });
    let output = '';
    let trouble = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      trouble += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(catchSchema.parse(JSON.parse(output)));
      else reject(new Error(`a hunt ended with ${code ?? 'a signal'}: ${trouble.slice(0, 500)}`));
    });
  });
}
