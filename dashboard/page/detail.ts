/** One connection, drilled down: what is true of it, what was counted, and which command and runbook help. */
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Tile } from '../../core/war-room/board.ts';
import type { Equation } from '../../core/war-room/feed.ts';
import { Act, forget } from './act.ts';
import { opened, rest, tiles } from './store.ts';
import { moment, number, SIGNS, spaced, utc, WORDS } from './words.ts';

type Known = { readonly counters: Readonly<Record<string, number>>; readonly equation: Equation | null };
const NOTHING: Known = { counters: {}, equation: null };
const known = signal<Known>(NOTHING);

export function Detail(): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const name = opened.value;
  const tile = name === null ? undefined : tiles.get(name)?.value;
  useEffect(() => {
    if (name === null) dialog.current?.close();
    else if (dialog.current?.open === false) dialog.current.showModal();
  }, [name]);
  useEffect(() => {
    if (name !== null) void load(name);
  }, [name, tile]);
  useEffect(() => {
    known.value = NOTHING;
    forget();
  }, [name]);
  const close = (): void => {
    opened.value = null;
  };
  return html`<dialog ref=${dialog} onClose=${close} aria-labelledby="detail-title">
    ${tile === undefined ? null : html`<${Content} tile=${tile} close=${close} />`}
  </dialog>`;
}

async function load(name: string): Promise<void> {
  const answer = await fetch(`/connections/${encodeURIComponent(name)}`);
  if (!answer.ok || opened.value !== name) return;
  const detail: { status: { counters: Record<string, number> } | null; equation: Equation | null } =
    await answer.json();
  known.value = { counters: detail.status?.counters ?? {}, equation: detail.equation };
}

function Content({ tile, close }: { tile: Tile; close: () => void }): VNode {
  const { name } = tile;
  const history = (rest.value?.timeline ?? []).filter((each) => each.connection === name);
  const facts: (readonly [string, string])[] = [
    ['practice', `${tile.practice}, ${tile.direction}`],
    ['wave', tile.wave],
    ['owner', tile.owner],
    ['phase', tile.phase === null ? 'unknown' : `${tile.phase}, control ${tile.control}, epoch ${tile.epoch}`],
    ['state', tile.state ?? 'unknown'],
    ['in flight, owed', `${number(tile.inFlight)}, ${number(tile.owed)}`],
    ...factsOfSource(tile),
    ['rollback', tile.rollbackReady ? 'ready' : 'not ready'],
  ];
  return html`<header class=${`detail-head ${tile.verdict}`}>
      <h2 id="detail-title">${SIGNS[tile.verdict]} ${name} <small>${WORDS[tile.verdict]}</small></h2>
      <button type="button" onClick=${close}>Close</button>
    </header>
    ${tile.reasons.length === 0 ? null : html`<ul class="reasons">${tile.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}</ul>`}
    <dl>${facts.map(([term, fact]) => html`<dt key=${term}>${term}</dt><dd>${fact}</dd>`)}</dl>
    <h3>Counted by the gateway</h3>
    <dl class="counters">${Object.entries(known.value.counters).map(([term, count]) => html`<dt key=${term}>${spaced(term)}</dt><dd>${number(count)}</dd>`)}</dl>
    <h3>The equation</h3>
    <${Sum} equation=${known.value.equation} name=${name} />
    <${Act} tile=${tile} />
    <h3>What helps</h3>
    <ul>${helpFor(tile).map(([command, runbook]) => html`<li key=${command}><code>${command}</code> ${runbook === '' ? null : html`<a href=${`/${runbook}`} target="_blank" rel="noopener">${runbook}</a>`}</li>`)}</ul>
    <h3>Its moves</h3>
    ${
      history.length === 0
        ? html`<p>None yet.</p>`
        : html`<ul>${history.reverse().map((each) => html`<li key=${each.epoch}>${moment(each.atMs)}: ${each.phase}, epoch ${each.epoch}, by ${each.by}${each.reason === null ? '' : `: ${each.reason}`}</li>`)}</ul>`
    }`;
}

/** What has no feed has no copies, and nothing to compare. */
function factsOfSource({ feed, lag, comparison }: Tile): (readonly [string, string])[] {
  if (feed === null)
    return [['feed', 'none: a platform polls. It moves by stop, empty, start, and nothing is compared']];
  const compared =
    comparison === null
      ? 'nothing yet'
      : `${number(comparison.pairs)} ${comparison.pairs === 1 ? 'pair' : 'pairs'}: ${number(comparison.matched)} the same, ${number(comparison.accepted)} by a rule, ${number(comparison.open)} open`;
  return [
    ['shadow lag', `${number(lag)} ${lag === 1 ? 'message' : 'messages'}`],
    ['compared', compared],
  ];
}

/** What was owed, and where it is; as the newest reconciliation was frozen. */
function Sum({ equation, name }: { equation: Equation | null; name: string }): VNode {
  if (equation === null) return html`<p>Not reconciled yet. <code>cutover reconcile --connection ${name}</code></p>`;
  const { at, owed, evidenceGrade, verdict, ...rest } = equation;
  const terms: (readonly [string, number])[] = [
    ['delivered', rest.delivered],
    ['rejected by the destination', rest.destinationRejected],
    ['filtered', rest.filtered],
    ['unexplained', rest.unexplained],
    ['with a person', rest.decisions],
    ['pending', rest.pending],
  ];
  const sum = terms.filter(([term, count], index) => index === 0 || count > 0 || term === 'unexplained');
  return html`<p><b>${number(owed)}</b> owed = ${sum.map(([term, count]) => `${number(count)} ${term}`).join(' + ')}</p>
    <p>${verdict === 'green' ? '✓ green' : '✖ red'}, evidence grade ${evidenceGrade}, reconciled ${utc(at)}</p>`;
}

/** The command, and the runbook that explains it. */
function helpFor({ name, feed, phase, decisions, state, verdict }: Tile): (readonly [string, string])[] {
  const help: (readonly [string, string])[] = [];
  if (phase === 'switched') help.push([`cutover rollback --connection ${name} --reason …`, 'runbooks/rollback.md']);
  if (feed === null && (phase === 'legacy' || phase === 'switched'))
    help.push([
      `cutover attest --connection ${name} --what stopped --platform … --by … --reason …`,
      'runbooks/triage.md',
    ]);
  if (decisions > 0) help.push([`cutover resolve --connection ${name}`, 'runbooks/decision-list.md']);
  if (state === 'held') help.push([`cutover release --connection ${name}`, 'runbooks/swap-aborted.md']);
  if (verdict === 'unknown') help.push(['cutover doctor', 'runbooks/gateway-down.md']);
  help.push([`cutover status --connection ${name}`, ''], [`cutover history --connection ${name}`, '']);
  return help;
}
