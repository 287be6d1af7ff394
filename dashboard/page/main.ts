/** The war room: one glance says whether all is fine; below it stands why not, and everything else. */
import { html } from 'htm/preact';
import { render, type VNode } from 'preact';
import type { Verdict } from '../../core/war-room/board.ts';
import { askWhoIsThere } from './act.ts';
import { Board } from './board.ts';
import { Charts } from './charts.ts';
import { Detail } from './detail.ts';
import { Panels } from './panels.ts';
import { connect, filter, isStale, newsMs, nowMs, rest, showsAll, summary } from './store.ts';
import { clock, number, SIGNS } from './words.ts';

function App(): VNode {
  return html`<${Banner} />
    <main>
      <${Why} />
      <${Charts} />
      <${Board} />
      <${Panels} />
    </main>
    <${Detail} />`;
}

function Banner(): VNode {
  const known = summary.value;
  const verdict: Verdict = isStale.value || known === null ? 'unknown' : known.verdict;
  const silentFor = Math.round((nowMs.value - newsMs.value) / 1000);
  const headline =
    known === null
      ? 'Nothing is known yet'
      : isStale.value
        ? `Not live: the last news is ${silentFor} s old`
        : known.headline;
  const phases = Object.entries(known?.phases ?? {});
  return html`<header class=${`banner ${verdict}`}>
    <p class="where">${rest.value === null ? 'Cutover' : `${rest.value.deployment} · ${rest.value.stack}`}</p>
    <h1 aria-live="polite"><span class="sign" aria-hidden="true">${SIGNS[verdict]}</span> ${headline}</h1>
    <p class="phases">${phases.map(([phase, count]) => html`<span key=${phase}><b>${number(count)}</b> ${phase}</span>`)}</p>
    <p class="clock">${clock(nowMs.value)} · ${isStale.value ? 'not live' : 'live'}</p>
  </header>`;
}

function Why(): VNode | null {
  const reasons = summary.value?.reasons ?? [];
  if (reasons.length === 0) return null;
  return html`<section class="why" aria-labelledby="why-title">
    <h2 id="why-title">Why</h2>
    <ul>${reasons.map(({ reason, connections }) => html`<li key=${reason}><button type="button" class="link" onClick=${() => narrow(connections)}>${connections.length === 1 ? html`<b>${connections[0]}</b>: ${reason}` : html`<b>${number(connections.length)}</b> × ${reason}`}</button></li>`)}</ul>
  </section>`;
}

/** One: found by its name; several: those that are not fine. */
function narrow(connections: readonly string[]): void {
  filter.value = connections.length === 1 ? (connections[0] ?? '') : '';
  showsAll.value = connections.length === 1;
  document.querySelector('#board')?.scrollIntoView();
}

const place = document.querySelector('#app');
if (place !== null) {
  place.replaceChildren();
  render(html`<${App} />`, place);
  connect();
  void askWhoIsThere();
}
