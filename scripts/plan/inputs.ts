/** What a plan is made from, read from the project: inventory, programme, measured times. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readInventoryFile } from '../../adapters/inventory-file.ts';
import { readStackFile } from '../../adapters/stack-file.ts';
import type { Inventory } from '../../core/inventory.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import type { Measured } from '../../core/planning/measured.ts';
import { DEFAULT_PROGRAMME, type Programme, parseProgramme } from '../../core/planning/programme.ts';
import { rehearsalSchema } from '../../core/rehearsal-document.ts';
import type { Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { chooseStack, findProject, inventoryFileOf } from '../runner/project.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';

export type PlanInputs = {
  /** The project's. */
  readonly folder: string;
  readonly stack: string;
  readonly inventoryFile: string;
  readonly inventory: Inventory;
  /** Where the programme is, or would be. */
  readonly programmeFile: string;
  readonly programme: Programme;
  readonly measured: Measured | null;
};

export async function readPlanInputs(args: Args, { cwd, env }: Surroundings): Promise<PlanInputs> {
  const project = await findProject(cwd, args.project, env);
  const { stack, file } = await chooseStack(project, args.stack ?? env.CUTOVER_STACK, 'folder');
  const stackFile = await readStackFile(file);
  const inventoryFile = inventoryFileOf(project, stack, stackFile.ok ? stackFile.value : null);
  const inventory = await readInventoryFile(inventoryFile);
  if (!inventory.ok) {
    const message = formatProblems(inventory.problems);
    throw new VerbStop(EXIT.usage, { code: 'inventory-invalid', message, next: [`correct ${inventoryFile}`] });
  }
  const programmeFile = join(project.folder, 'stacks', stack, 'programme.yaml');
  const programme = await readProgramme(programmeFile);
  const measured =
    args.measured === undefined ? ownMeasured(programme) : await readMeasured(resolve(cwd, args.measured));
  const { folder } = project;
  return { folder, stack, inventoryFile, inventory: inventory.value, programmeFile, programme, measured };
}

async function readProgramme(file: string): Promise<Programme> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return DEFAULT_PROGRAMME;
    throw error;
  }
  const parsed = parseProgramme(text, file);
  if (parsed.ok) return parsed.value;
  const message = formatProblems(parsed.problems);
  throw new VerbStop(EXIT.usage, { code: 'programme-invalid', message, next: [`correct ${file}`] });
}

function ownMeasured({ measured }: Programme): Measured | null {
  if (measured === undefined) return null;
  const { connections, switch: switchMs, rollback: rollbackMs, source } = measured;
  return { connections, switchMs, rollbackMs, source };
}

/** The document of a rehearsal: its slowest switch and rollback. */
async function readMeasured(file: string): Promise<Measured> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw usage(
      `${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
      'cutover rehearse --json > rehearsal.json',
    );
  }
  const parsed = rehearsalSchema.safeParse(content);
  if (!parsed.success) throw usage(`${file} is no document of a rehearsal`, 'cutover rehearse --json > rehearsal.json');
  const { verdict, swaps, connections, environment } = parsed.data;
  if (verdict !== 'green')
    throw usage(`${file}: that rehearsal was ${verdict}; its times say nothing`, 'cutover rehearse --json');
  const slowest = (step: string): number =>
    Math.max(...swaps.filter((swap) => swap.step.startsWith(step)).map((swap) => swap.wallMs));
  const [switchMs, rollbackMs] = [slowest('switch'), slowest('rollback')];
  if (!Number.isFinite(switchMs) || !Number.isFinite(rollbackMs)) {
    throw usage(`${file} has no switch and rollback`, 'cutover rehearse --json > rehearsal.json');
  }
  const source = `rehearsal of ${environment.startedAt.slice(0, 10)} on ${environment.processors} processors`;
  return { connections, switchMs, rollbackMs, source };
}
