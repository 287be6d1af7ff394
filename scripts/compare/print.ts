/** The comparison for people at a terminal: one line a connection, worst first; what differs below, in shapes. */
import type { CompareDocument, ComparedConnection, RuleExposure, Shape } from '../../core/compare-document.ts';
import { formatTable } from '../runner/table.ts';

const SHAPES_SHOWN = 15;
const REASONS_LENGTH = 70;

export function formatComparison(document: CompareDocument): string {
  const { connections, worker, shapes, rules, warnings, nextSteps } = document;
  const open = shapes.filter(({ rule }) => rule === undefined);
  const lines = [
    ...formatTable([HEADER, ...connections.map(rowOf)]),
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
  const red = connections.filter((each) => each.verdict === 'red').length;
  return [
    `${connections.length} connections, ${sum(({ pairs }) => pairs)} pairs: ${sum(({ matched }) => matched)} matched` +
      ` (${sum(({ accepted }) => accepted)} by rules), ${sum(({ differing }) => differing)} differing`,
    verdict === 'green' ? 'GREEN: all outputs matched' : `RED: ${red} of ${connections.length} connections`,
  ];
}

function shapesOf(shapes: readonly Shape[]): string[] {
  const rows = shapes
    .slice(0, SHAPES_SHOWN)
    .map(({ path, code, kind, shape, count, connections, on }) => [
      `${count.toLocaleString('en-US')} ×`,
      code === null ? path : `${path} of ${code}`,
      shape === '' ? kind : `${kind}: ${shape}`,
      connections === 1 ? (on[0] ?? '') : `on ${connections} connections`,
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
