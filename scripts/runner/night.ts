/** Reads and writes `stacks/<stack>/night.json`. Whatever fails here is said and takes nothing from the run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../adapters/stack-file.ts';
import { renamedOf } from '../../core/former-names.ts';
import {
  EMPTY_NIGHT,
  type NightFile,
  nightFileSchema,
  type Switched,
  underPresentNames,
} from '../../core/night/night-file.ts';
import type { Context } from './context.ts';
import { hasMoved, type RunState } from './run-state.ts';

function nightFileOf({ project, stack }: Context): string | null {
  return project === null ? null : join(project.folder, 'stacks', stack, 'night.json');
}

/** Empty where there is none, or none that can be read. */
export async function readNight(context: Context): Promise<NightFile> {
  const file = nightFileOf(context);
  if (file === null) return EMPTY_NIGHT;
  try {
    const parsed = nightFileSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? underPresentNames(parsed.data, renamedOf(context.inventory.connections)) : EMPTY_NIGHT;
  } catch {
    return EMPTY_NIGHT;
  }
}

/** Where the counters of what this run has switched begin; the file that was written, or null. */
export async function noteSwitched(run: RunState): Promise<string | null> {
  const { context, plan } = run;
  const file = nightFileOf(context);
  const fresh: [string, Switched][] = [];
  for (const move of plan.moves) {
    const view = run.statuses?.get(move.name);
    if (move.verb !== 'switch' || !hasMoved(run, move) || view?.kind !== 'read') continue;
    const { epoch, changed, counters } = view.status;
    const pauseMs = run.answers.get(move.name)?.pauseMs ?? null;
    fresh.push([move.name, { epoch, at: new Date(changed.at).toISOString(), by: changed.by, pauseMs, counters }]);
  }
  if (file === null || fresh.length === 0) return null;
  const { connections } = await readNight(context);
  try {
    await replaceFile(file, `${JSON.stringify({ connections: { ...connections, ...Object.fromEntries(fresh) } })}\n`);
    return file;
  } catch (error) {
    run.warnings.push(`night.json was not written: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
