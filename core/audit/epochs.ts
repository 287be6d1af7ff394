/** Whether every epoch in the ledger follows legally from the one before it, and whether the gateways say the same. */
import { type EpochRecord, epochRecordSchema } from '../admin-api.ts';
import { describeRoute, verbOf } from '../connection.ts';
import { MOVE_VERB, RESTORE_VERB, verifyEpochs } from '../epoch-history.ts';
import type { LedgerEntry } from '../ledger-entry.ts';
import { type Finding, failed, fine, warning } from './finding.ts';

export type Histories = ReadonlyMap<string, readonly LedgerEpoch[]>;
export type LedgerEpoch = { readonly record: EpochRecord; readonly entry: number };

/** By connection, in epoch order: a gateway that was not reachable may have been recorded later. */
export function historiesIn(entries: readonly LedgerEntry[]): {
  readonly histories: Histories;
  readonly findings: readonly Finding[];
} {
  const histories = new Map<string, LedgerEpoch[]>();
  const findings: Finding[] = [];
  for (const { kind, seq, body } of entries) {
    if (kind !== 'epoch') continue;
    const parsed = epochRecordSchema.safeParse(body);
    if (!parsed.success) {
      findings.push(failed('epochs', `entry ${seq} claims to be an epoch and is none`, seq));
      continue;
    }
    const known = histories.get(parsed.data.connection) ?? [];
    known.push({ record: parsed.data, entry: seq });
    histories.set(parsed.data.connection, known);
  }
  for (const history of histories.values()) history.sort((a, b) => a.record.epoch - b.record.epoch);
  return { histories, findings };
}

export function judgeEpochs(histories: Histories): Finding[] {
  const findings: Finding[] = [];
  for (const [name, history] of histories) {
    const fault = verifyEpochs(
      [name],
      history.map(({ record }) => record),
    );
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
    : [fine('epochs', `${count} epochs of ${histories.size} connections are linked and legal`)];
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
  // What a restored shard and a moved feed begin with: the route stays.
  const isBeginning = record.verb === RESTORE_VERB || record.verb === MOVE_VERB;
  if (isBeginning && sameRoute(before, record)) return null;
  const verb = verbOf(before, record);
  if (verb === null) return `${describeRoute(before)} → ${describeRoute(record)} is no legal move`;
  if (verb !== record.verb) return `it is called ${record.verb}, and is a ${verb}`;
  if (verb === 'rollback' && (record.reason ?? '').trim() === '') return 'a rollback without a reason';
  return null;
}

function sameRoute(one: EpochRecord, other: EpochRecord): boolean {
  return one.phase === other.phase && one.newWeight === other.newWeight;
}

/** The gateways' own epoch histories: the same records, to the digest, and not one more or less. */
export function compareWithGateways(
  histories: Histories,
  gateways: ReadonlyMap<string, readonly EpochRecord[]> | null,
): Finding[] {
  if (gateways === null) return [warning('gateways', "the export has no epoch histories of the gateways' own")];
  const findings: Finding[] = [];
  for (const [name, records] of gateways) {
    const known = new Map((histories.get(name) ?? []).map((one) => [one.record.epoch, one]));
    for (const record of records) {
      const one = known.get(record.epoch);
      known.delete(record.epoch);
      if (one === undefined)
        findings.push(
          failed(
            'gateways',
            `${name}: the ledger lacks epoch ${record.epoch} (${record.verb} by ${record.by} at ${record.at})`,
          ),
        );
      else if (one.record.digest !== record.digest) {
        findings.push(failed('gateways', `${name}: epoch ${record.epoch} is another one at its gateway`, one.entry));
      }
    }
    for (const { record, entry } of known.values()) {
      findings.push(
        failed('gateways', `${name}: its gateway does not know epoch ${record.epoch} of the ledger`, entry),
      );
    }
  }
  for (const name of histories.keys()) {
    if (!gateways.has(name))
      findings.push(failed('gateways', `${name}: the ledger has epochs of it, and no gateway of this export does`));
  }
  if (findings.length > 0) return findings;
  return [
    fine('gateways', `the ledger agrees with the epoch histories of ${gateways.size} connections at their gateways`),
  ];
}
