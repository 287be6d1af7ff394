/** What PostgreSQL says of the selection: comparisons, rules that have accepted something, pauses, deliveries, the ledger. */
import { Ledger, LedgerUnavailable } from '../../adapters/ledger.ts';
import { PostgresFailure } from '../../adapters/postgres.ts';
import { readRuleFiles } from '../../adapters/proof-definitions.ts';
import { openProofDatabase, ProofStore } from '../../adapters/proof-store.ts';
import { type PlatformCount, readDeliveries, readPauses } from '../../adapters/report-store.ts';
import { renamedOf } from '../../core/former-names.ts';
import { formatProblem } from '../../core/located-yaml.ts';
import type { ComparisonDay, DifferenceGroup } from '../../core/proof-results.ts';
import { longestPauses } from '../../core/report/longest-pauses.ts';
import type { ReportDocument } from '../../core/report-document.ts';
import { projectFolderOf } from '../compare/standing.ts';
import type { Context } from '../runner/context.ts';

export type Compared = {
  readonly pairs: number;
  readonly matched: number;
  readonly accepted: number;
  readonly open: number;
  readonly outOfOrder: number;
  readonly rules: readonly string[];
};
export type Proof = Pick<ReportDocument, 'rules' | 'night'> & {
  /** Null: nobody could be asked. */
  readonly compared: ReadonlyMap<string, Compared> | null;
  readonly deliveries: ReadonlyMap<string, PlatformCount> | null;
  readonly longestPauses: ReadonlyMap<string, number> | null;
};

const NOTHING: Proof = { rules: [], night: null, compared: null, deliveries: null, longestPauses: null };
const GROUPS_LIMIT = 100;

export async function readProof(context: Context, notKnown: string[]): Promise<Proof> {
  const url = context.env.DATABASE_URL;
  if (!url) {
    notKnown.push('comparisons, pauses, deliveries by platform and the ledger: DATABASE_URL is not set');
    return NOTHING;
  }
  const { deployment, connections } = context.inventory;
  const names = context.selected.map(({ name }) => name);
  try {
    const postgres = await openProofDatabase('cutover-report', { url });
    try {
      const store = ProofStore.over(postgres, deployment);
      const days = await store.readComparison(names);
      const groups = await store.readDifferences(names, GROUPS_LIMIT);
      const compared = comparedOf(days, groups);
      return {
        compared,
        deliveries: new Map((await readDeliveries(postgres, deployment)).map((one) => [one.connection, one])),
        longestPauses: longestPauses(await readPauses(postgres, deployment, 0), renamedOf(connections)),
        rules: await rulesUsed(context, groups, notKnown),
        night: await nightOf(url, deployment, notKnown),
      };
    } finally {
      await postgres.close();
    }
  } catch (error) {
    if (!(error instanceof PostgresFailure)) throw error;
    notKnown.push(`comparisons, pauses, deliveries by platform and the ledger: ${error.message}`);
    return NOTHING;
  }
}

/** Of the newest epoch that was compared. */
function comparedOf(days: readonly ComparisonDay[], groups: readonly DifferenceGroup[]): Map<string, Compared> {
  return new Map(
    [...Map.groupBy(days, ({ connection }) => connection)].map(([name, all]) => {
      const newest = Math.max(...all.map(({ epoch }) => epoch));
      const present = all.filter(({ epoch }) => epoch === newest);
      const sum = (read: (day: ComparisonDay) => number): number =>
        present.reduce((total, day) => total + read(day), 0);
      const rules = groups.flatMap((group) =>
        group.connection === name && group.epoch === newest && group.rule !== null ? [ruleName(group.rule)] : [],
      );
      return [
        name,
        {
          pairs: sum((day) => day.pairs),
          matched: sum((day) => day.matched),
          accepted: sum((day) => day.accepted),
          open: sum((day) => day.differing + day.missingCandidate + day.extraCandidate),
          outOfOrder: sum((day) => day.outOfOrder),
          rules: [...new Set(rules)].sort(),
        },
      ];
    }),
  );
}

/** Stored as `name@digest`. */
function ruleName(stored: string): string {
  return stored.split('@')[0] ?? stored;
}

async function rulesUsed(
  context: Context,
  groups: readonly DifferenceGroup[],
  notKnown: string[],
): Promise<ReportDocument['rules']> {
  const accepted = groups.filter(({ rule }) => rule !== null);
  if (accepted.length === 0) return [];
  const read = await readRuleFiles(projectFolderOf(context));
  if (!read.ok) {
    notKnown.push(...read.problems.map(formatProblem));
    return [];
  }
  const known = new Map(read.files.flatMap(({ rules }) => rules).map((rule) => [rule.name, rule]));
  return [...Map.groupBy(accepted, ({ rule }) => ruleName(rule ?? ''))].map(([name, used]) => {
    const rule = known.get(name);
    return {
      name,
      path: rule?.path ?? used[0]?.path ?? '',
      kind: rule?.kind ?? 'no longer on file',
      reason: rule?.reason ?? '',
      owner: rule?.owner ?? 'nobody any more',
      approver: rule?.approver ?? null,
      expires: rule?.expires ?? '',
      connections: new Set(used.map(({ connection }) => connection)).size,
      differences: used.reduce((sum, { count }) => sum + count, 0),
    };
  });
}

/** Runs and decisions; epochs stand in the timeline of moves. */
async function nightOf(url: string, deployment: string, notKnown: string[]): Promise<ReportDocument['night']> {
  try {
    const ledger = await Ledger.open({ url, deployment });
    try {
      return (await ledger.entries())
        .filter(({ kind }) => kind !== 'epoch')
        .map((entry) => ({
          entry: entry.seq,
          at: entry.at,
          kind: entry.kind,
          verb: entry.verb,
          by: entry.operator,
          host: entry.host,
          reason: entry.reason,
          changeId: entry.changeId,
          outcome: outcomeOf(entry.body),
          digest: entry.digest,
        }));
    } finally {
      await ledger.close();
    }
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    notKnown.push(`the ledger: ${error.message}`);
    return null;
  }
}

const COUNTED = ['changed', 'unchanged', 'refused', 'synced'] as const;

/** As in `24 changed, 1 unchanged`. */
function outcomeOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const members = new Map(Object.entries(body));
  return COUNTED.flatMap((name) => {
    const list = members.get(name);
    return Array.isArray(list) && list.length > 0 ? [`${list.length} ${name}`] : [];
  }).join(', ');
}
