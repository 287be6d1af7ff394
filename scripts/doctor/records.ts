/** What the verbs keep their records in: the Pulumi engine and its backend, PostgreSQL; and whether they agree. */
import { counted } from '../../core/count-words.ts';
import { isBehind } from '../../core/plan.ts';
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { LedgerSession } from '../runner/ledger-session.ts';
import { nameList } from '../runner/name-list.ts';
import { PASSPHRASE_REMEDIES } from '../runner/pulumi-complaints.ts';
import { PulumiSession } from '../runner/pulumi-session.ts';
import { assembleSnapshot, type Records, readRoutes, readStatuses } from '../runner/snapshot.ts';
import { doubtful, type Finding, fine, notLooked, wrong } from './finding.ts';

export async function examineRecords(context: Context, args: Args): Promise<Finding[]> {
  const [engine, ledger] = await Promise.all([examinePulumi(context), LedgerSession.open(context, args)]);
  try {
    const findings = [...engine.findings, ledgerFinding(ledger)];
    return [...findings, ...(await examineAgreement(context, { ...engine.records, ledger }))];
  } finally {
    await ledger.close();
  }
}

async function examinePulumi(
  context: Context,
): Promise<{ readonly findings: Finding[]; readonly records: Omit<Records, 'ledger'> }> {
  const session = await PulumiSession.open(context);
  if (!session.ok) {
    const remedy = 'install Pulumi, or Go so that it is built; CUTOVER_PULUMI names one';
    const records = { pulumi: { kind: 'unavailable', message: session.message }, routes: null } as const;
    return { findings: [wrong('pulumi.engine', session.message, remedy)], records };
  }
  const findings = [fine('pulumi.engine', `Pulumi ${session.value.version} with its language host`)];
  const records = await readRoutes(session.value, { kind: 'skipped' });
  const where = context.project?.backendUrl ?? 'no project';
  if (records.pulumi.kind === 'unavailable') {
    findings.push(wrong('pulumi.backend', records.pulumi.message, `bring the backend back: ${where}`));
  } else
    findings.push(
      fine('pulumi.backend', `${counted(records.routes?.size ?? 0, 'route')} of ${context.stack} in ${where}`),
    );
  const fits = await session.value.hasRightPassphrase();
  if (fits !== null) findings.push(passphraseFinding(fits));
  const lock = await session.value.lock();
  if (lock !== null) {
    const remedy = lock.isGone ? 'the next verb breaks it' : 'wait for it, or a verb with --take-over';
    findings.push(doubtful('pulumi.lock', `the stack is locked by ${lock.who}`, remedy));
  }
  return { findings, records };
}

function passphraseFinding(fits: boolean): Finding {
  if (fits) return fine('pulumi.passphrase', 'the passphrase is that of the stack');
  const message =
    'PULUMI_CONFIG_PASSPHRASE (empty where it is not set) is not the passphrase of the stack: no update runs';
  return wrong('pulumi.passphrase', message, PASSPHRASE_REMEDIES.join('; '));
}

function ledgerFinding({ availability }: LedgerSession): Finding {
  switch (availability.kind) {
    case 'read':
      return fine('postgresql', 'PostgreSQL answers; the ledger can be read');
    case 'unavailable':
      return wrong('postgresql', availability.message, 'bring PostgreSQL back, or correct DATABASE_URL');
    case 'not-configured':
    case 'skipped':
      return notLooked('postgresql', 'no ledger: DATABASE_URL is not set', 'set DATABASE_URL');
  }
}

async function examineAgreement(context: Context, records: Records): Promise<Finding[]> {
  const snapshot = assembleSnapshot(context, await readStatuses(context), records);
  const read = snapshot.connections.filter(({ gateway }) => gateway.kind === 'read');
  const behind = read.filter(isBehind).map(({ name }) => name);
  const unread = snapshot.connections.length - read.length;
  const findings: Finding[] = [];
  if (behind.length > 0) {
    const message = `stack file, Pulumi state or ledger do not say what the gateway says, for ${nameList(behind)}`;
    findings.push(wrong('agreement', message, behind.length === read.length ? 'cutover sync --all' : 'cutover sync'));
  }
  if (unread > 0) findings.push(notLooked('agreement', `${counted(unread, 'connection')} could not be compared`));
  const known = new Set(context.inventory.connections.map(({ name }) => name));
  const stray = Object.keys(context.stackFile?.config.routes ?? {}).filter((name) => !known.has(name));
  if (stray.length > 0) {
    const remedy = 'restore them in the inventory, name them in previousNames, or remove the entries';
    findings.push(wrong('entries', `entries of connections that the inventory lacks: ${nameList(stray)}`, remedy));
  }
  return findings.length > 0
    ? findings
    : [fine('agreement', `stack file, Pulumi state and gateway agree on ${counted(read.length, 'connection')}`)];
}
