/** `doctor`: everything that the night needs, looked at from here; each finding with its remedy. Changes nothing. */
import { counted } from '../../core/count-words.ts';
import type { DoctorDocument } from '../../core/documents.ts';
import { type Finding, fine, wrong } from '../doctor/finding.ts';
import { examineGateways } from '../doctor/gateways.ts';
import { examineHost } from '../doctor/host.ts';
import { examinePeers } from '../doctor/peers.ts';
import { examineRecords } from '../doctor/records.ts';
import { closeContext, openContext, type Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { PlainVerb, Printed } from '../runner/verb.ts';

export const doctor: PlainVerb = {
  kind: 'plain',
  summary: 'whether everything that a verb needs is there; each finding with its remedy',
  examples: ['cutover doctor', 'cutover doctor --connect', 'cutover doctor --json'],
  flags: ['stack', 'project', 'connect', 'json'],
  perform,
};

async function perform(around: Surroundings, args: Args): Promise<Printed> {
  const project = await examineProject(around, args);
  const findings = [...(await examineHost(project.folder)), ...project.findings];
  const failed = findings.filter(({ verdict }) => verdict === 'failed').length;
  const warnings = findings.filter(({ verdict }) => verdict === 'warning').length;
  const exitCode = failed === 0 ? EXIT.done : EXIT.refused;
  const urgent = findings.filter(({ verdict }) => verdict === 'failed' || verdict === 'warning');
  const nextSteps = [...new Set(urgent.flatMap(({ remedy }) => remedy ?? []))];
  const document: DoctorDocument = { ok: failed === 0, exitCode, findings, nextSteps };
  const summary = `doctor: ${findings.length} looked at, ${failed} failed, ${warnings} in doubt`;
  return { document, text: `${[...lines(findings), '', summary].join('\n')}\n`, exitCode };
}

/** What stops other verbs is a finding here. */
async function examineProject(around: Surroundings, args: Args): Promise<{ folder: string; findings: Finding[] }> {
  try {
    const context = await openContext('doctor', args, around, { selectsAll: true, withoutStackFile: false });
    try {
      const { inventory, stack, project } = context;
      const message = `${stack}: ${counted(inventory.connections.length, 'connection')}, ${counted(inventory.gateways.length, 'gateway')}`;
      const found = await Promise.all([
        examineGateways(context),
        examinePeers(inventory, { connects: args.connect === true }),
        examineRecords(context, args),
      ]);
      return { folder: project?.folder ?? around.cwd, findings: [fine('project', message), ...found.flat()] };
    } finally {
      await closeContext(context);
    }
  } catch (error) {
    if (!(error instanceof VerbStop)) throw error;
    const remedy = error.next[0] ?? 'correct it, then run this again';
    return { folder: around.cwd, findings: [wrong('project', error.message, remedy)] };
  }
}

const SIGNS: Readonly<Record<Finding['verdict'], string>> = { failed: '✗', warning: '!', 'not-checked': '–', ok: '✓' };
const ORDER = ['failed', 'warning', 'not-checked', 'ok'] as const;

function lines(findings: readonly Finding[]): string[] {
  const sorted = ORDER.flatMap((verdict) => findings.filter((finding) => finding.verdict === verdict));
  const rows = sorted.map(({ check, verdict, message, remedy }) => [
    SIGNS[verdict],
    check,
    remedy === null ? message : `${message} → ${remedy}`,
  ]);
  return formatTable(rows);
}
