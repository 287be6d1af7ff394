/** The comparison for people at a terminal: one line a connection, worst first; what differs below, in shapes. */
import type { CompareDocument, ComparedConnection, RuleExposure, Shape } from '../../core/compare-document.ts';
import { counted } from '../../core/count-words.ts';
import { formatTable } from '../runner/table.ts';
import { sayShape } from './shape-words.ts';

const SHAPES_SHOWN = 15;
const REASONS_LENGTH = 70;
const DETAILS_SHOWN = 10;
const UNSEEN_SHOWN = 8;

export function formatComparison(document: CompareDocument): string {
  const { connections, worker, shapes, rules, warnings, nextSteps } = document;
  const open = shapes.filter(({ rule }) => rule === undefined);
  const lines = [
    ...formatTable([HEADER, ...connections.map(rowOf)]),
    ...connections.filter(isShortened).slice(0, DETAILS_SHOWN).flatMap(reasonsOf),
    ...connections.filter(hasUnseen).slice(0, DETAILS_SHOWN).map(unseenOf),
    '',
    ...summaryOf(document),
    ...worker.reasons.map((reason) => `! ${reason}`),
    ...warnings.map((warning) => `! ${warning}`),
    ...(open.length === 0
      ? []
      : ['', `what differs (${open.length} shape${open.length === 1 ? '' : 's'}):`, ...shapesOf(open)]),
    ...rulesOf(rules),
    ...(document.report === undefined ? [] : ['', `report: ${document.report}`]),
    ...(nextSteps.length === 0 ? [] : ['', 'next:', ...nextSteps.map((step) => `  ${step}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

const HEADER = [
  '',
  'connection',
  'pairs',
  'matched',
  'differ',
  'missing',
  'extra',
  'answers',
  'order',
  'covered',
  'delay',
  'remark',
];

function rowOf(each: ComparedConnection): string[] {
  const { share } = each.coverage;
  return [
    each.verdict === 'green' ? '✓' : '✗',
    each.name,
    figure(each.pairs),
    each.pairs === 0 ? '' : percent(each.matched / each.pairs),
    figure(each.differing),
    figure(each.missingCandidate),
    figure(each.extraCandidate),
    figure(each.answersDiffering),
    figure(each.outOfOrder),
    share === null ? '?' : percent(share),
    each.delayMs === null ? '' : `${each.delayMs.p99} ms`,
    shortened(each.reasons.join('; ')),
  ];
}

/** In full below the table, of the worst ones. */
function isShortened({ reasons }: ComparedConnection): boolean {
  return reasons.join('; ').length > REASONS_LENGTH;
}

function reasonsOf({ name, reasons }: ComparedConnection): string[] {
  return ['', `${name}:`, ...reasons.map((reason) => `  ${reason}`)];
}

function hasUnseen({ coverage }: ComparedConnection): boolean {
  return coverage.unseen.length > 0;
}

function unseenOf({ name, coverage }: ComparedConnection): string {
  const { unseen, known, seen } = coverage;
  const more = known - seen - Math.min(UNSEEN_SHOWN, unseen.length);
  const rest = more > 0 ? ` and ${more} more (--json)` : '';
  return `  not seen yet on ${name}: ${unseen.slice(0, UNSEEN_SHOWN).join(', ')}${rest}`;
}

function figure(count: number): string {
  return count === 0 ? '·' : count.toLocaleString('en-US');
}

/** Never rounded up to 100 %. */
function percent(share: number): string {
  return share === 1 ? '100 %' : `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;
}

function shortened(text: string): string {
  return text.length <= REASONS_LENGTH ? text : `${text.slice(0, REASONS_LENGTH - 1)}…`;
}

function summaryOf({ connections, verdict }: CompareDocument): string[] {
  const sum = (of: (each: ComparedConnection) => number): string =>
    connections.reduce((total, each) => total + of(each), 0).toLocaleString('en-US');
  const pairs = sum((each) => each.pairs);
  const pairsSaid = `${pairs} ${pairs === '1' ? 'pair' : 'pairs'}`;
  const red = connections.filter((each) => each.verdict === 'red').length;
  return [
    `${counted(connections.length, 'connection')}, ${pairsSaid}: ${sum(({ matched }) => matched)} matched` +
      ` (${sum(({ accepted }) => accepted)} by rules), ${sum(({ differing }) => differing)} differing`,
    verdict === 'green' ? 'GREEN: all outputs matched' : `RED: ${red} of ${counted(connections.length, 'connection')}`,
  ];
}

function shapesOf(shapes: readonly Shape[]): string[] {
  const rows = shapes
    .slice(0, SHAPES_SHOWN)
    .map(({ path, code, kind, shape, count, connections, on, exampleIds: [example] }) => [
      `${count.toLocaleString('en-US')} ×`,
      code === null ? path : `${path} of ${code}`,
      sayShape(kind, shape),
      connections === 1 ? (on[0] ?? '') : `on ${connections} connections`,
      example === undefined ? '' : `as in ${example.msh10} (${example.at})`,
    ]);
  const more =
    shapes.length > SHAPES_SHOWN ? [`  … and ${shapes.length - SHAPES_SHOWN} more: --json has them all`] : [];
  return [...formatTable(rows, '  '), ...more];
}

function rulesOf(rules: readonly RuleExposure[]): string[] {
  const rows = rules.map(({ name, path, kind, hides, distinctPairs, numericDifference, state, remarks }) => [
    name,
    path,
    kind,
    hides.toLocaleString('en-US'),
    distinctPairs === null ? '?' : distinctPairs.toLocaleString('en-US'),
    numericDifference === null ? '' : String(numericDifference),
    state,
    remarks.join('; '),
  ]);
  if (rows.length === 0) return [];
  const header = ['rule', 'path', 'kind', 'hides', 'distinct', 'largest', 'state', ''];
  return ['', ...formatTable([header, ...rows])];
}
