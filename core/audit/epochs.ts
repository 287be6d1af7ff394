/** Whether every epoch in the ledger follows legally from the one before it, and whether the gateways say the same. */

import { type EpochRecord, epochRecordSchema } from '../admin-api.ts';
import { describeRoute, verbOf } from '../connection.ts';
import { counted } from '../count-words.ts';
import { beginsAnew, originOf, RESTORE_VERB, verifyEpochs } from '../epoch-history.ts';
import type { LedgerEntry } from '../ledger-entry.ts';
import { type Finding, failed, fine, warning } from './finding.ts';

/** By the newest name of each connection; a renamed one keeps its history. */
export type Histories = ReadonlyMap<string, readonly LedgerEpoch[]>;
export type LedgerEpoch = { readonly record: EpochRecord; readonly entry: number };

/** In epoch order: a gateway that was not reachable may have been recorded later. */
export function historiesIn(entries: readonly LedgerEntry[]): {
  readonly histories: Histories;
  readonly findings: readonly Finding[];
} {
  const epochs: LedgerEpoch[] = [];
  const findings: Finding[] = [];
  for (const { kind, seq, body } of entries) {
    if (kind !== 'epoch') continue;
    const parsed = epochRecordSchema.safeParse(body);
    if (parsed.success) epochs.push({ record: parsed.data, entry: seq });
    else findings.push(failed('epochs', `entry ${seq} claims to be an epoch and is none`, seq));
  }
  epochs.sort((a, b) => a.record.epoch - b.record.epoch);
  const histories = new Map<string, LedgerEpoch[]>();
  for (const one of epochs) {
    const { connection, previous } = one.record;
    const former = histories.has(connection) || previous === '' ? undefined : endingWith(histories, previous);
    if (former !== undefined) {
      histories.set(connection, histories.get(former) ?? []);
      histories.delete(former);
    }
    histories.set(connection, [...(histories.get(connection) ?? []), one]);
  }
  return { histories, findings };
}

/** The connection whose newest epoch this is: under its new name it goes on from there. */
function endingWith(histories: Histories, digest: string): string | undefined {
  return [...histories].find(([, history]) => history.at(-1)?.record.digest === digest)?.[0];
}

/** Under the name that it has, or has had. */
export function historyOf(histories: Histories, name: string): readonly LedgerEpoch[] | undefined {
  return (
    histories.get(name) ??
    [...histories.values()].find((history) => history.some(({ record }) => record.connection === name))
  );
}

export function judgeEpochs(histories: Histories): Finding[] {
  const findings: Finding[] = [];
  for (const [name, history] of histories) {
    const records = history.map(({ record }) => record);
    const fault = verifyEpochs([...new Set([name, ...records.map(({ connection }) => connection)])], records);
    const at = history.find(({ record }) => record.epoch === fault?.epoch)?.entry ?? null;
    if (fault !== null) findings.push(failed('epochs', `${name}: epoch ${fault.epoch}: ${FAULTS[fault.fault]}`, at));
    for (const [index, { record, entry }] of history.entries()) {
      const illegal = illegalityOf(record, history[index - 1]?.record ?? null);
      if (illegal !== null) findings.push(failed('epochs', `${name}: epoch ${record.epoch}: ${illegal}`, entry));
    }
  }
  const count = [...histories.values()].reduce((sum, history) => sum + history.length, 0);
  return findings.length > 0
    ? findings
    : [
        fine(
          'epochs',
          `${counted(count, 'epoch')} of ${counted(histories.size, 'connection')} ${count === 1 ? 'is' : 'are'} linked and legal`,
        ),
      ];
}

const FAULTS = {
  digest: 'its content does not have its digest',
  link: 'it does not follow the epoch before it',
  gap: 'an epoch before it is missing, or it is there twice',
  connection: 'it is of another connection',
} as const;

function illegalityOf(record: EpochRecord, before: EpochRecord | null): string | null {
  if (before === null) {
    return record.epoch === 1 && record.phase === 'legacy' && record.verb === 'init'
      ? null
      : 'it does not begin in legacy';
  }
  if (beginsAnew(record)) return illegalityOfBeginning(record, before);
  const verb = verbOf(before, record, originOf(record));
  if (verb === null) return `${describeRoute(before)} → ${describeRoute(record)} is no legal move`;
  if (verb !== record.verb) return `it is called ${record.verb}, and is a ${verb}`;
  const isStopped = record.forced || verb === 'decommission' || record.attested !== undefined;
  if (originOf(record) === 'platform' && !isStopped)
    return `a ${verb} without a feed, and nobody has attested the stop`;
  if (verb === 'rollback' && (record.reason ?? '').trim() === '') return 'a rollback without a reason';
  return null;
}

/** What a restored shard and a moved feed begin with: the route stays. */
function illegalityOfBeginning(record: EpochRecord, before: EpochRecord): string | null {
  if (record.origin !== 'init' || record.approval !== null) return `it claims to be a ${record.verb}, and is none`;
  if (record.phase === before.phase && record.newWeight === before.newWeight) return null;
  return `a ${record.verb} from ${describeRoute(before)} to ${describeRoute(record)}: it moves nothing`;
}

/** The gateways' own epoch histories: the same records, to the digest, and not one more or less. */
export function compareWithGateways(
  histories: Histories,
  gateways: ReadonlyMap<string, readonly EpochRecord[]> | null,
): Finding[] {
  if (gateways === null) return [warning('gateways', "the export has no epoch histories of the gateways' own")];
  const findings: Finding[] = [];
  const seen = new Set<unknown>();
  for (const [name, records] of gateways) {
    const history = historyOf(histories, name) ?? historyOf(histories, records.at(-1)?.connection ?? name) ?? [];
    seen.add(history);
    const own = new Map(records.map((record) => [record.epoch, record]));
    const lacking = records.filter(({ epoch }) => !history.some(({ record }) => record.epoch === epoch));
    findings.push(...lacking.map((record) => lackedByLedger(name, record)));
    for (const { record, entry } of history) {
      const at = own.get(record.epoch);
      if (at !== undefined && at.digest !== record.digest) findings.push(failed('gateways', differs(name, at), entry));
    }
    findings.push(...lostByGateway(name, history, records));
  }
  for (const [name, history] of histories) {
    if (!seen.has(history))
      findings.push(failed('gateways', `${name}: the ledger has epochs of it, and no gateway of this export does`));
  }
  if (findings.some(({ verdict }) => verdict === 'failed')) return findings;
  return [
    ...findings,
    fine(
      'gateways',
      `the ledger agrees with the epoch histories of ${counted(gateways.size, 'connection')} at their gateways`,
    ),
  ];
}

function lackedByLedger(name: string, { epoch, verb, by, at }: EpochRecord): Finding {
  const message = `${name}: the ledger lacks epoch ${epoch} (${verb} by ${by} at ${at}): cutover sync --connection ${name} records it, then export again`;
  return failed('gateways', message);
}

/** Two histories from here on; a restore that did not know of the ledger is the harmless one of the causes. */
function differs(name: string, { epoch, verb, at }: EpochRecord): string {
  const what = `${name}: epoch ${epoch} is another one at its gateway (${verb} at ${at})`;
  if (verb !== RESTORE_VERB)
    return `${what}: one of the two was forged, or its gateway was started on a backup without \`gateway init --restore\``;
  return `${what}: it was restored without what the ledger knows; restore it again with DATABASE_URL set (runbooks/restore.md)`;
}

/** Epochs of the ledger that its gateway does not know: lost with a backup that ends before them, or a reason to ask. */
function lostByGateway(
  name: string,
  history: readonly LedgerEpoch[],
  records: readonly EpochRecord[],
): readonly Finding[] {
  const lost = history.filter(({ record }) => !records.some(({ epoch }) => epoch === record.epoch));
  const byRestore = Map.groupBy(lost, ({ record }) => restoreAcross(records, record.epoch));
  return [...byRestore].map(([restored, some]) => {
    const [entry = 0] = some.map((one) => one.entry);
    const what = `${name}: its gateway does not know ${epochsOf(some)} of the ledger`;
    if (restored === null) {
      const cause = 'its data directory is older than the ledger, or was exchanged';
      return failed('gateways', `${what}: ${cause}; ask who started it, then runbooks/restore.md`, entry);
    }
    const cause = `its data directory was ${restored.reason || 'restored'} (epoch ${restored.epoch}, ${restored.at})`;
    const remedy = `the ledger alone attests them; what passed until then: cutover reconcile --connection ${name}, runbooks/restore.md`;
    return warning('gateways', `${what}: ${cause}; ${remedy}`, entry);
  });
}

function epochsOf(some: readonly LedgerEpoch[]): string {
  const [first = 0, last = 0] = [some[0]?.record.epoch, some.at(-1)?.record.epoch];
  return first === last ? `epoch ${first}` : `epochs ${first} to ${last}`;
}

/** The restore that skips this epoch, because the backup ended before it. */
function restoreAcross(records: readonly EpochRecord[], epoch: number): EpochRecord | null {
  const at = records.findIndex((record) => record.epoch > epoch);
  const after = records[at];
  return after !== undefined && beginsAnew(after) ? after : null;
}
