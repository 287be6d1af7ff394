/** `plan`: waves on nights, who must be there, and what is red today. Asks no gateway, and changes nothing unless told to. */

import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemClock } from '../../adapters/clock.ts';
import { counted } from '../../core/count-words.ts';
import { makePlan } from '../../core/planning/make-plan.ts';
import type { ProgrammePlan } from '../../core/planning/plan-document.ts';
import { toCalendar } from '../plan/calendar-file.ts';
import { contractsAmiss } from '../plan/contracts-amiss.ts';
import { type PlanInputs, readPlanInputs } from '../plan/inputs.ts';
import { observeTraffic } from '../plan/observed-traffic.ts';
import { toPicture } from '../plan/picture.ts';
import { formatPlan } from '../plan/print-plan.ts';
import { formatWindows, windowLines } from '../plan/print-windows.ts';
import { writeWaves } from '../plan/write-waves.ts';
import type { Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { outputFile } from '../runner/output-file.ts';
import { EXIT } from '../runner/stop.ts';
import type { PlainVerb, Printed } from '../runner/verb.ts';

export const plan: PlainVerb = {
  kind: 'plain',
  summary: 'waves, nights and people for the programme, and what is red today',
  examples: [
    'cutover plan --stack production --traffic archive/ --measured rehearsal.json',
    'cutover plan --windows',
    'cutover plan --ical cutover.ics --svg cutover.svg',
    'cutover plan --write-waves',
  ],
  flags: ['stack', 'project', 'traffic', 'measured', 'windows', 'ical', 'svg', 'write-waves', 'json'],
  perform,
};

async function perform(around: Surroundings, args: Args): Promise<Printed> {
  const { cwd, env, terminal } = around;
  const files = {
    ical: args.ical === undefined ? null : outputFile(around, 'ical', args.ical),
    svg: args.svg === undefined ? null : outputFile(around, 'svg', args.svg),
  };
  const inputs = await readPlanInputs(args, around);
  const { inventory, programme, measured, stack } = inputs;
  const now = systemClock.now();
  const nowMs = Date.parse(now);
  const traffic = await observeTraffic({
    inventory,
    timeZone: programme.timeZone,
    archive: archiveOf(args, cwd, inputs),
    databaseUrl: env.DATABASE_URL || null,
    nowMs,
  });
  for (const note of traffic.notes) terminal.progress(note);
  if (args.windows === true) {
    const windows = windowLines({ inventory, programme, measured, traffic: traffic.profile, nowMs });
    const isGreen = windows.some(({ verdict }) => verdict === 'green');
    return {
      document: { ok: isGreen, stack, windows },
      text: formatWindows(windows),
      exitCode: isGreen ? EXIT.done : EXIT.refused,
    };
  }
  const document = makePlan({
    stack,
    inventory,
    programme,
    measured,
    traffic: traffic.profile,
    trafficSource: traffic.source,
    amiss: await contractsAmiss(inputs.folder, inventory.connections),
    nowMs,
  });
  await writeFiles(document, inventory.deployment, now, { ...files, report: terminal.progress });
  if (args['write-waves'] === true) {
    const changed = await writeWaves(inputs.inventoryFile, document);
    terminal.progress(
      `${inputs.inventoryFile}: ${counted(changed, 'connection has', 'connections have')} another wave`,
    );
  }
  return { document, text: formatPlan(document), exitCode: document.ok ? EXIT.done : EXIT.refused };
}

function archiveOf({ traffic }: Args, cwd: string, { programme, programmeFile }: PlanInputs): string | null {
  if (traffic !== undefined) return resolve(cwd, traffic);
  return programme.traffic === undefined ? null : resolve(dirname(programmeFile), programme.traffic);
}

type Wishes = { readonly ical: string | null; readonly svg: string | null; readonly report: (line: string) => void };

async function writeFiles(
  document: ProgrammePlan,
  deployment: string,
  now: string,
  { ical, svg, report }: Wishes,
): Promise<void> {
  if (ical !== null) {
    await writeFile(ical, toCalendar(document, deployment, new Date(now)));
    report(`calendar: ${ical}`);
  }
  if (svg !== null) {
    await writeFile(svg, toPicture(document));
    report(`picture: ${svg}`);
  }
}
