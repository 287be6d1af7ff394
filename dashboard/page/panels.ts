/** What stands beside the board: decisions, gate, approvals, the timeline of the night, and where all this comes from. */
import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { opened, rest } from './store.ts';
import { moment, number, utc } from './words.ts';

const SHOWN = 60;

export function Panels(): VNode | null {
  const all = rest.value;
  if (all === null) return null;
  const { decisions, gate, approvals, timeline, sources } = all;
  return html`<div class="panels">
    <section aria-labelledby="decisions-title" class="panel">
      <h2 id="decisions-title">Decisions <span class="count">${decisions.length}</span></h2>
      ${
        decisions.length === 0
          ? html`<p>Nothing waits for a person.</p>`
          : html`<ul>${decisions.slice(0, SHOWN).map((each) => html`<li key=${each.id}><${Link} name=${each.connection} /> ${each.cause}, ${each.proposals === 1 ? '1 proposal' : `${each.proposals} proposals`}<br /><code>cutover resolve --deliver ${each.id} --reason …</code></li>`)}${more(decisions.length, 'cutover resolve')}</ul>`
      }
    </section>
    <section aria-labelledby="gate-title" class="panel">
      <h2 id="gate-title">Gate</h2>
      ${
        gate === null
          ? html`<p>No verdict is on file, so it is not green. <code>cutover gate</code></p>`
          : html`<p><b>${gate.verdict === 'green' ? '✓ green' : `✖ ${gate.verdict}`}</b> ${utc(gate.at)}</p>
            <ul>${gate.criteria.map((each) => html`<li key=${each.id}>${each.verdict === 'green' ? '✓' : each.verdict === 'waived' ? '≈ waived,' : '✖'} ${each.id}: ${each.reason}</li>`)}</ul>`
      }
    </section>
    <section aria-labelledby="approvals-title" class="panel">
      <h2 id="approvals-title">Approvals <span class="count">${approvals.length}</span></h2>
      ${
        approvals.length === 0
          ? html`<p>None on file.</p>`
          : html`<ul>${approvals.slice(0, SHOWN).map((each) => html`<li key=${each.digest}>${each.target}, ${each.connections === 1 ? '1 connection' : `${each.connections} connections`}, ${utc(each.notBefore)} to ${utc(each.notAfter)}<br /><code>${each.digest.slice(0, 19)}…</code></li>`)}${more(approvals.length)}</ul>`
      }
    </section>
    <section aria-labelledby="timeline-title" class="panel wide">
      <h2 id="timeline-title">Timeline</h2>
      ${
        timeline.length === 0
          ? html`<p>Nothing has moved yet.</p>`
          : html`<table><thead><tr><th scope="col">when</th><th scope="col">connection</th><th scope="col">became</th><th scope="col">by</th><th scope="col">why</th></tr></thead>
          <tbody>${timeline
            .slice(-SHOWN)
            .reverse()
            .map(
              (each) =>
                html`<tr key=${`${each.connection} ${each.epoch}`}><td>${moment(each.atMs)}</td><td><${Link} name=${each.connection} /></td><td>${each.phase}${each.newWeight > 0 ? ` ${each.newWeight}%` : ''}${each.forced ? ' (forced)' : ''}, epoch ${each.epoch}</td><td>${each.by}${each.origin === 'pulumi' ? ' (pulumi up)' : each.origin === 'api' ? ' (admin API)' : ''}</td><td>${each.reason ?? ''}</td></tr>`,
            )}</tbody></table>${timeline.length > SHOWN ? html`<p>The newest ${SHOWN} of ${number(timeline.length)} moves; all of them: <code>cutover history</code></p>` : null}`
      }
    </section>
    <section aria-labelledby="sources-title" class="panel">
      <h2 id="sources-title">Where this comes from</h2>
      <ul>${sources.map((each) => html`<li key=${each.name}>${each.verdict === 'fine' ? '✓' : each.verdict === 'bad' ? '✖' : '–'} ${each.name}: ${each.message}</li>`)}</ul>
    </section>
  </div>`;
}

function Link({ name }: { name: string }): VNode {
  return html`<button type="button" class="link" onClick=${() => {
    opened.value = name;
  }}>${name}</button>`;
}

/** A list that is cut says so. */
function more(total: number, command = ''): VNode | null {
  if (total <= SHOWN) return null;
  return html`<li>… and ${number(total - SHOWN)} more ${command === '' ? null : html`<code>${command}</code>`}</li>`;
}
