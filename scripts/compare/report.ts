/**
 * The comparison as a page to open, print or pass on: verdict, heat map of connections by day, what differs in shapes, what
 * rules hide, each red connection, examples side by side. One file without anything from outside, and without message
 * content: fields of an example are shown as classes of values.
 */

import { writeFile } from 'node:fs/promises';
import type { CompareDocument, ComparedConnection, RuleExposure, Shape } from '../../core/compare-document.ts';
import { counted } from '../../core/count-words.ts';
import { escaped } from '../../core/markup.ts';
import { type Beside, besideHtml } from './beside.ts';
import { type HtmlCell, htmlTable, page } from './html.ts';
import { sayShape } from './shape-words.ts';

const DAYS_SHOWN = 31;
const DETAILS_LIMIT = 50;
const SHAPES_OF_RULE = 30;

export async function writeReport(file: string, document: CompareDocument, examples: readonly Beside[]): Promise<void> {
  await writeFile(file, comparisonPage(document, examples));
}

/** One pair with its values: patient data, for its owner's eyes alone. */
export async function writeValues(file: string, head: string, shown: Beside): Promise<void> {
  await writeFile(file, page('Patient data: one pair of outputs', head, [section('', besideHtml(shown, 'shown'))]), {
    mode: 0o600,
  });
}

function comparisonPage(document: CompareDocument, examples: readonly Beside[]): string {
  const { connections, shapes, rules } = document;
  const red = connections.filter(({ verdict }) => verdict === 'red');
  const sum = (of: (each: ComparedConnection) => number): string =>
    connections.reduce((total, each) => total + of(each), 0).toLocaleString('en-US');
  const pairs = sum((each) => each.pairs);
  const pairsSaid = `${pairs} ${pairs === '1' ? 'pair' : 'pairs'}`;
  const sections = [
    `<div class="verdict ${document.verdict}"><strong>${document.verdict.toUpperCase()}</strong> ${
      red.length === 0
        ? 'all outputs matched'
        : `${red.length} of ${counted(connections.length, 'connection')} ${red.length === 1 ? 'is' : 'are'} red`
    }${list([...document.worker.reasons, ...document.warnings])}</div>`,
    `<p>${pairsSaid} on ${counted(connections.length, 'connection')}: ${sum(({ matched }) => matched)} matched (${sum(
      ({ accepted }) => accepted,
    )} by rules), ${sum(({ differing }) => differing)} differing, ${sum(({ missingCandidate }) => missingCandidate)} missing, ${sum(
      ({ extraCandidate }) => extraCandidate,
    )} extra.</p>`,
    section('Connections by day', heatMap(connections)),
    section(
      'What differs',
      htmlTable(
        ['how often', 'where', 'what', 'accepted by', 'connections', 'examples'],
        shapes.map(({ path, code, kind, shape, count, rule, connections: n, on, exampleIds }) => [
          figure(count, rule === undefined),
          { text: code === null ? path : `${path} of ${code}` },
          { text: sayShape(kind, shape) },
          { text: rule ?? '' },
          { text: n === 1 ? (on[0] ?? '') : `${n}` },
          {
            text: exampleIds
              .slice(0, 2)
              .map(({ msh10, at }) => `${msh10} (${at})`)
              .join(', '),
          },
        ]),
      ),
    ),
    section(
      'What rules hide',
      htmlTable(
        ['rule', 'path', 'kind', 'hides', 'distinct pairs', 'largest difference', 'until', 'owner', 'remarks'],
        rules.map((rule) => [
          { text: rule.name },
          { text: rule.path },
          { text: rule.kind },
          figure(rule.hides, false),
          { text: rule.distinctPairs === null ? '?' : rule.distinctPairs.toLocaleString('en-US'), kind: 'figure' },
          { text: rule.numericDifference === null ? '' : String(rule.numericDifference), kind: 'figure' },
          { text: `${rule.expires} (${rule.state})` },
          { text: rule.owner },
          { text: rule.remarks.join('; ') },
        ]),
      ),
    ),
    ...(examples.length === 0
      ? []
      : [section('Examples side by side', examples.map((one) => besideHtml(one, 'classes')).join(''))]),
    ...rules.filter(({ hides }) => hides > 0).map((rule) => exposure(rule, shapes)),
    ...red.slice(0, DETAILS_LIMIT).map(details),
  ];
  const head = `${document.deployment}, stack ${document.stack}, ${moment(document.at)}`;
  return page('Comparison of both platforms', head, sections);
}

/** What one rule hides, shape by shape. */
function exposure(rule: RuleExposure, shapes: readonly Shape[]): string {
  const { name, path, kind, reason, owner, approver, expires, state, remarks, pairs } = rule;
  const hidden = shapes.filter((shape) => shape.rule === name).slice(0, SHAPES_OF_RULE);
  const agreed = approver === null ? '' : `, agreed by ${approver}`;
  return section(
    `Rule ${name}`,
    [
      `<p>${escaped(`${kind} on ${path}: ${reason}`)}</p>`,
      `<p class="soft">${escaped(`owner ${owner}${agreed}; until ${expires} (${state}); in ${pairs.toLocaleString('en-US')} pairs`)}</p>`,
      list(remarks),
      htmlTable(
        ['how often', 'where', 'what', 'connections'],
        hidden.map(({ count, path: where, code, kind: what, shape, connections: n, on }) => [
          figure(count, false),
          { text: code === null ? where : `${where} of ${code}` },
          { text: sayShape(what, shape) },
          { text: n === 1 ? (on[0] ?? '') : `${n}: ${on.join(', ')}` },
        ]),
      ),
    ].join(''),
  );
}

function details({ name, reasons, differences, contract, coverage, since }: ComparedConnection): string {
  const rows = differences
    .slice(0, 20)
    .map(({ path, code, kind, shape, count, rule }) => [
      figure(count, rule === undefined),
      { text: code === null ? path : `${path} of ${code}` },
      { text: sayShape(kind, shape) },
      { text: rule ?? 'nobody' },
    ]);
  const breaches = (contract?.breaches ?? []).map((breach) => [
    { text: breach.name },
    figure(breach.control, false),
    figure(breach.candidate, breach.is === 'drift'),
    { text: breach.is },
  ]);
  return section(
    name,
    [
      list(reasons),
      since === null ? '' : `<p class="soft">since ${escaped(moment(since))}</p>`,
      rows.length === 0 ? '' : htmlTable(['how often', 'where', 'what', 'accepted by'], rows),
      breaches.length === 0
        ? ''
        : `<h3>Contract ${escaped(contract?.name ?? '')}</h3>${htmlTable(['breach', 'control', 'candidate', 'is'], breaches)}`,
      coverage.unseen.length === 0
        ? ''
        : `<h3>Shown by history and not seen yet</h3><p>${escaped(coverage.unseen.slice(0, 40).join(', '))}</p>`,
    ].join(''),
  );
}

/** One row a connection, one column a day; the darker, the more of its pairs are amiss. */
function heatMap(connections: readonly ComparedConnection[]): string {
  const days = [...new Set(connections.flatMap((each) => each.days.map(({ day }) => day)))].sort().slice(-DAYS_SHOWN);
  if (days.length === 0) return '<p class="soft">nothing was compared</p>';
  const head = days.map((day) => `<th title="${day}">${day.slice(8)}</th>`).join('');
  const rows = connections.map(({ name, days: known }) => {
    const byDay = new Map(known.map((each) => [each.day, each]));
    const cells = days.map((day) => {
      const { pairs = 0, amiss = 0 } = byDay.get(day) ?? {};
      const title = `${name}, ${day}: ${pairs} pairs, ${amiss} amiss`;
      return `<td class="${heatOf(pairs, amiss)}" title="${escaped(title)}"></td>`;
    });
    return `<tr><th>${escaped(name)}</th>${cells.join('')}</tr>`;
  });
  const key =
    '<p class="soft"><i class="h0"></i>no pairs <i class="h1"></i>matched <i class="h2"></i>up to 0.1 % amiss <i class="h3"></i>up to 1 % <i class="h4"></i>more</p>';
  return `<div class="scroll"><table class="heat"><tr><th></th>${head}</tr>${rows.join('')}</table></div>${key}`;
}

function heatOf(pairs: number, amiss: number): string {
  if (pairs + amiss === 0) return 'h0';
  const share = amiss / Math.max(pairs, amiss);
  return share === 0 ? 'h1' : share <= 0.001 ? 'h2' : share <= 0.01 ? 'h3' : 'h4';
}

function figure(count: number, isBad: boolean): HtmlCell {
  return { text: count.toLocaleString('en-US'), kind: isBad ? 'bad' : 'figure' };
}

function list(items: readonly string[]): string {
  return items.length === 0 ? '' : `<ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`;
}

function section(title: string, body: string): string {
  return `<section><h2>${escaped(title)}</h2>${body}</section>`;
}

function moment(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}
