/** A move verb's result for people: what changed, then what failed, where the eye is as it ends, then what to do next. */
import { describeRoute } from '../../core/connection.ts';
import type { MoveDocument } from '../../core/documents.ts';
import { nameList } from './name-list.ts';
import { formatTable } from './table.ts';

/** More than these are counted, not listed: failures are always listed. */
const LISTED = 20;

export function formatMoveDocument(document: MoveDocument): string {
  const lines = [
    ...(document.dryRun ? plan(document) : changes(document)),
    ...already(document),
    ...synced(document),
    ...failures(document),
    ...document.warnings.map((warning) => `! ${warning}`),
    ...(document.ledger === 'not configured' ? ['ledger: not configured (DATABASE_URL is not set)'] : []),
    summary(document),
    ...(document.nextSteps.length === 0 ? [] : ['', 'next:', ...document.nextSteps.map((step) => `  ${step}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function failures({ refused, aborted, failed }: MoveDocument): string[] {
  const rows = [
    ...failed.map(({ name, message }) => ['failed', name ?? '', message]),
    ...aborted.map(({ name, message }) => ['aborted', name, message]),
    ...refused.map(({ name, message }) => ['refused', name ?? '', message]),
  ];
  return rows.length === 0 ? [] : [...formatTable(rows, '  '), ''];
}

function changes({ changed, onWatch }: MoveDocument): string[] {
  const rows = changed
    .slice(0, LISTED)
    .map(({ name, from, to, epoch, pauseMs }) => [
      name,
      `${describeRoute(from)} → ${describeRoute(to)}`,
      `epoch ${epoch}`,
      pauseMs === null ? '' : `pause ${Math.round(pauseMs)} ms`,
      onWatch.includes(name) ? 'on watch' : '',
    ]);
  return rows.length === 0 ? [] : [...formatTable(rows, '  '), ...more(changed.length), ''];
}

function plan(document: MoveDocument): string[] {
  if (document.plan === undefined) return [];
  const { moves, steps, behind } = document.plan;
  const rows = moves
    .slice(0, LISTED)
    .map(({ name, from, to }) => [name, `${describeRoute(from)} → ${describeRoute(to)}`, `epoch ${to.epoch}`]);
  const numbered = steps.map(
    (step, index) => `  ${index + 1}. ${step.what}${step.pointOfNoReturn ? '   ← point of no return' : ''}`,
  );
  const records = behind.length === 0 ? [] : [`  records brought up to the gateway: ${nameList(behind)}`];
  return [
    ...formatTable(rows, '  '),
    ...more(moves.length),
    ...records,
    ...(numbered.length === 0 ? [] : ['', 'steps:', ...numbered]),
    '',
  ];
}

function already({ alreadyThere }: MoveDocument): string[] {
  if (alreadyThere.length === 0) return [];
  if (alreadyThere.length > LISTED) return [`  ${alreadyThere.length} connections are there already`];
  return alreadyThere.map(
    ({ name, route }) => `  ${name} is there already: ${describeRoute(route)}, epoch ${route.epoch}`,
  );
}

function synced(document: MoveDocument): string[] {
  return document.synced.length === 0 ? [] : [`  records brought up to the gateway: ${nameList(document.synced)}`];
}

function summary(document: MoveDocument): string {
  const { verb, dryRun, changed, refused, aborted, failed, alreadyThere, wallMs } = document;
  const counts = [
    dryRun ? `${document.plan?.moves.length ?? 0} would change` : `${changed.length} changed`,
    count(alreadyThere.length, 'there already'),
    count(refused.length, 'refused'),
    count(aborted.length, 'aborted'),
    count(failed.length, 'failed'),
  ].filter((part) => part !== '');
  return `${verb}: ${counts.join(', ')} (${(wallMs / 1000).toFixed(1)} s)${dryRun ? '; nothing was changed' : ''}`;
}

function count(number: number, what: string): string {
  return number === 0 ? '' : `${number} ${what}`;
}

function more(total: number): string[] {
  return total > LISTED ? [`  … and ${total - LISTED} more`] : [];
}
