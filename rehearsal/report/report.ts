/**
 * The rehearsal's report: one HTML file that needs nothing else, to be read on a screen, on paper, or sent on. Verdict
 * first; it holds ids and counts, never message content.
 */

import { escaped } from '../../core/markup.ts';
import type { RehearsalResult, Trouble } from '../result.ts';
import { furtherFindings, isCounted, sentenceOf } from '../summary.ts';
import { pausesChart, trafficChart } from './charts.ts';
import { type Cell, number, seconds, table } from './markup.ts';
import { STYLE } from './style.ts';

export function reportHtml(result: RehearsalResult): string {
  const title = `Rehearsal of ${number(result.connections)} ${result.connections === 1 ? 'connection' : 'connections'}: ${result.verdict}`;
  const parts = [
    heading(result),
    verdict(result),
    ...(isCounted(result) ? [tiles(result)] : []),
    done(result),
    ...(result.trouble === null ? [] : [trouble(result.trouble)]),
    ...(result.swaps.length === 0 ? [] : [pauses(result)]),
    ...(result.samples.length < 3 ? [] : [traffic(result)]),
    ...(isCounted(result) ? [counts(result)] : []),
    proof(result),
    steps(result),
    footing(result),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main>
${parts.join('\n')}
</main></body></html>
`;
}

function heading({ connections, environment }: RehearsalResult): string {
  const at = environment.startedAt.replace('T', ' ').replace(/\..*/, ' UTC');
  return `<h1>Cut-over rehearsal of ${number(connections)} ${connections === 1 ? 'connection' : 'connections'}</h1><p class="soft">${escaped(at)}</p>`;
}

function verdict(result: RehearsalResult): string {
  const reasons = result.reasons.map((reason) => `<li>${escaped(reason)}</li>`).join('');
  return `<div class="verdict ${result.verdict}"><strong>${result.verdict.toUpperCase()}</strong>${escaped(sentenceOf(result))}.${reasons === '' ? '' : `<ul>${reasons}</ul>`}</div>`;
}

function tiles({ messages, swaps }: RehearsalResult): string {
  const longest = Math.max(0, ...swaps.map(({ pauseMs }) => pauseMs.max));
  const tile = (value: string, what: string, isWrong = false): string =>
    `<div class="tile${isWrong ? ' wrong' : ''}"><b>${value}</b><span>${escaped(what)}</span></div>`;
  return `<div class="tiles">${[
    tile(number(messages.sent), 'sent'),
    tile(number(messages.delivered), 'delivered'),
    tile(number(messages.lost), 'lost', messages.lost > 0),
    tile(number(messages.duplicated), 'doubled', messages.duplicated > 0),
    tile(number(messages.reordered), 'out of order', messages.reordered > 0),
    tile(`${number(Math.round(longest))} ms`, 'longest wait'),
  ].join('')}</div>`;
}

function done(result: RehearsalResult): string {
  const { connections, withoutFeed = 0, ratePerSecond, reachedPerSecond, swaps } = result;
  const way = swaps.map(({ step }) => step).join(', ');
  const what =
    way === ''
      ? 'No route was changed.'
      : `With the messages flowing, the operator's own commands took every connection through: <b>${escaped(way)}</b>. A move forward goes by way of the Pulumi engine, a rollback to the gateway first; each is read back from the gateway.${unfed(withoutFeed)}`;
  return section(
    'What was done',
    `<p>Real gateways, a real Pulumi engine and a real PostgreSQL on this machine carried ${number(connections)} HL7 connections between simulated EMRs, a simulated LIS and two simulated integration platforms, all of them processes of their own. They sent ${number(ratePerSecond)} messages a second in total as asked for, and ${number(reachedPerSecond)} were reached.</p><p>${what}</p><p class="soft">Messages are counted by the EMRs and the LIS: what a sender was told was taken, against what a receiver wrote down. The gateway has no part in the count.</p>`,
  );
}

function unfed(count: number): string {
  if (count === 0) return '';
  const which = count === 1 ? 'One of them has no feed' : `${number(count)} of them have no feed`;
  return ` ${which}: a platform polls a table. It has no parallel run, and its owner changes by stop, empty, start, with the word of somebody that the former owner is stopped.`;
}

/** What the product's own worker found; nothing where none ran. */
function proof({ compared, reconciled }: RehearsalResult): string {
  if (compared === null && reconciled === null) return '';
  const rows: Cell[][] = [];
  const row = (what: string, verdict: string, text: string): void => {
    rows.push([
      { text: what, kind: 'name' },
      { text: verdict, kind: verdict === 'green' ? 'figure' : 'bad' },
      { text },
    ]);
  };
  if (compared !== null) {
    const { verdict, pairs, matched, differing, missing, extra, paths } = compared;
    const at =
      paths.length === 0
        ? ''
        : ` What nobody has accepted: ${[...new Set(paths.map(({ path, kind }) => `${path} (${kind})`))].join(', ')}.`;
    row(
      'compare',
      verdict,
      `Of ${number(pairs)} pairs of outputs ${number(matched)} match, ${number(differing)} differ; ${number(missing)} of the new platform are missing, ${number(extra)} came from it alone.${at}`,
    );
    for (const { name, reasons } of compared.named) row(name, 'red', reasons.join('; '));
  }
  if (reconciled !== null) {
    const { verdict, owed, delivered, filtered, unexplained, missing, duplicated, reasons } = reconciled;
    row(
      'reconcile',
      verdict,
      `Of ${number(owed)} owed ${number(delivered)} were delivered and ${number(filtered)} filtered; ${number(unexplained)} unexplained, ${number(missing)} missing, ${number(duplicated)} doubled. ${reasons.join('; ')}`,
    );
    for (const { name, reasons: why } of reconciled.named) row(name, 'red', why.join('; '));
  }
  return section(
    'What the product itself proves',
    `<p class="soft">From what the gateways have journaled and the worker has compared and accounted for; the count at both ends knows nothing of it.</p>${table([], rows)}`,
  );
}

function trouble({ fault, injected, seen }: Trouble): string {
  const list = (observations: Trouble['seen']): string =>
    table(
      [],
      observations.map(({ what, count }) => [
        { text: count === null ? '' : number(count), kind: 'figure' },
        { text: what },
      ]),
    );
  return section(
    `Fault: ${fault}`,
    `<div class="two"><div><h3>What was injected</h3>${list(injected)}</div><div><h3>How it was seen</h3>${list(seen)}</div></div>`,
  );
}

function pauses({ swaps }: RehearsalResult): string {
  const key = `<p class="soft"><i class="key b3" style="margin-left:0"></i>half of the senders waited no longer<i class="key b2"></i>99 of 100<i class="key b1"></i>the longest of all</p>`;
  const outages = swaps.flatMap(({ step, outage }) =>
    outage === undefined
      ? []
      : [`<p>Before ${escaped(step)}: ${escaped(outage)}. Its waits begin with that, and not with the command.</p>`],
  );
  return section(
    'The wait that senders felt',
    `<p>Of each sender its longest wait from sending a message to that message's answer, while the command ran.</p>${outages.join('')}${key}${pausesChart(swaps)}`,
  );
}

function traffic(result: RehearsalResult): string {
  return section(
    'Messages delivered per second',
    `<p class="soft">As the receivers counted them, over the steps of the night. Dashed: the rate asked for, ${number(result.ratePerSecond)}.</p>${trafficChart(result)}`,
  );
}

function counts({ directions, messages }: RehearsalResult): string {
  const head = ['sent', 'delivered', 'from legacy', 'from new', 'lost', 'doubled', 'listed doubles', 'out of order'];
  const good = (value: number): Cell => ({ text: number(value), kind: 'figure' });
  const bad = (value: number): Cell => ({ text: number(value), kind: value > 0 ? 'bad' : 'figure' });
  const row = (name: string, of: Omit<RehearsalResult['directions'][number], 'direction' | 'connections'>): Cell[] => [
    { text: name, kind: 'name' },
    ...[of.sent, of.delivered, of.fromLegacy, of.fromNew].map(good),
    ...[of.lost, of.duplicated].map(bad),
    good(of.duplicatedListed),
    bad(of.reordered),
  ];
  const names = { orders: 'orders: EMR → LIS', results: 'results: LIS → EMR' } as const;
  const also = furtherFindings(messages);
  const examples = messages.exampleIds.map((id) => `<code>${escaped(id)}</code>`).join(' ');
  const listed = messages.maybeSentIds.map((id) => `<code>${escaped(id)}</code>`).join(' ');
  return section(
    'Counted at both ends',
    [
      table(
        [{ text: 'direction' }, ...head.map((text): Cell => ({ text, kind: 'figure' }))],
        [...directions.map((each) => row(names[each.direction], each)), row('together', messages)],
      ),
      also.length === 0 ? '' : `<p>Also: ${escaped(also.join(', '))}.</p>`,
      examples === '' ? '' : `<p>Findings by MSH-10: ${examples}</p>`,
      listed === ''
        ? ''
        : `<p>Listed by the gateway as maybe sent (the first ${messages.maybeSentIds.length}): ${listed}</p>`,
    ].join(''),
  );
}

function steps({ steps: all, swaps }: RehearsalResult): string {
  const byStep = new Map(swaps.map((swap) => [swap.step, swap]));
  const figure = (text: string): Cell => ({ text, kind: 'figure' });
  return section(
    'Time per step',
    table(
      [
        { text: 'step' },
        ...['began at', 'took', 'of it the command', 'wait p50', 'p99', 'longest', 'aborted, run again'].map(figure),
      ],
      all.map(({ name, startedAtMs, wallMs }): Cell[] => {
        const swap = byStep.get(name);
        const { p50, p99, max } = swap?.pauseMs ?? { p50: null, p99: null, max: null };
        const waits = [p50, p99, max].map((ms) => figure(ms === null ? '' : `${number(Math.round(ms))} ms`));
        const aborted = figure(swap === undefined ? '' : number(swap.aborted));
        const command = figure(swap === undefined ? '' : seconds(swap.wallMs));
        return [
          { text: name, kind: 'name' },
          figure(seconds(startedAtMs)),
          figure(seconds(wallMs)),
          command,
          ...waits,
          aborted,
        ];
      }),
    ),
  );
}

function footing({ environment, startUpMs, seed, command }: RehearsalResult): string {
  const { node, pulumi, postgresql, system, processors, memoryGiB } = environment;
  const database = { embedded: 'real, embedded for this run', DATABASE_URL: 'the one of DATABASE_URL' } as const;
  const facts: readonly (readonly [string, string])[] = [
    ['machine', `${processors} processors, ${memoryGiB} GiB, ${system}`],
    ['Node', node],
    ['Pulumi engine', pulumi ?? 'not found out'],
    ['PostgreSQL', postgresql === null ? 'not started' : database[postgresql]],
    ['start-up', seconds(startUpMs)],
    ['seed', seed],
  ];
  const list = facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('');
  return section(
    'Where it ran, and how to run it again',
    `<dl>${list}</dl><pre>${escaped(command)}</pre><p class="soft">The same seed makes the same estate and messages; timings differ from run to run.</p>`,
  );
}

function section(title: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2>${content}</section>`;
}
