/** Acting from the page, where the server offers it: log in, look what would happen, type the same confirmation as in a terminal. */
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import type { VNode } from 'preact';
import type { Reach, Login as Tokens } from '../../core/war-room/acting.ts';
import type { Tile } from '../../core/war-room/board.ts';
import { type Action, CONFIRMATIONS, NEEDS_REASON } from '../../core/war-room/confirmations.ts';

type Who = { readonly name: string; readonly gateways: readonly Reach[]; readonly csrf: string };
type Outcome = { readonly title: string; readonly lines: readonly string[]; readonly isBad: boolean };

/** Undefined: not offered, or not known yet; null: nobody is logged in. */
const who = signal<Who | null | undefined>(undefined);
const shards = signal<readonly number[]>([]);
const chosen = signal<Action | null>(null);
const isWave = signal(false);
const reason = signal('');
const typed = signal('');
const isLooked = signal(false);
const isBusy = signal(false);
const outcome = signal<Outcome | null>(null);

const LABELS: Readonly<Record<Action, string>> = {
  hold: 'Hold for 3 s',
  release: 'Release',
  switch: 'Switch to new',
  rollback: 'Roll back',
};

export async function askWhoIsThere(): Promise<void> {
  const answer = await fetch('/session');
  if (!answer.ok) return;
  const body: { isOffered: boolean; shards: readonly number[]; who: Who | null } = await answer.json();
  shards.value = body.shards;
  who.value = body.isOffered ? body.who : undefined;
}

/** Another connection begins from the start. */
export function forget(): void {
  chosen.value = null;
  outcome.value = null;
  isLooked.value = false;
  typed.value = '';
  reason.value = '';
  isWave.value = false;
}

export function Act({ tile }: { tile: Tile }): VNode | null {
  if (who.value === undefined) return null;
  return html`<section class="act" aria-labelledby="act-title">
    <h3 id="act-title">Act</h3>
    ${who.value === null ? html`<${Login} />` : html`<${Actions} tile=${tile} who=${who.value} />`}
    ${outcome.value === null ? null : html`<div class=${outcome.value.isBad ? 'outcome bad' : 'outcome fine'} role="status"><b>${outcome.value.title}</b><ul>${outcome.value.lines.map((line) => html`<li key=${line}>${line}</li>`)}</ul></div>`}
  </section>`;
}

function Login(): VNode {
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!(event.target instanceof HTMLFormElement)) return;
    const typed = new FormData(event.target);
    const read = (name: string): string => String(typed.get(name) ?? '').trim();
    const own = shards.value.flatMap((shard) =>
      read(`token-${shard}`) === '' ? [] : [[shard, read(`token-${shard}`)]],
    );
    event.target.reset();
    void login({ token: read('token') || null, tokens: Object.fromEntries(own) });
  };
  return html`<form onSubmit=${submit}>
    <div class="row">
      <label>Your admin token <input type="password" name="token" autocomplete="off" required=${shards.value.length < 2} /></label>
      <button type="submit" disabled=${isBusy.value}>Log in</button>
    </div>
    ${shards.value.length < 2 ? null : html`<${OwnTokens} />`}
  </form>`;
}

/** Where a gateway knows another token of the same person, as CUTOVER_ADMIN_TOKEN_1 in a terminal. */
function OwnTokens(): VNode {
  return html`<details>
    <summary>A gateway has a token of its own</summary>
    ${shards.value.map((shard) => html`<label key=${shard}>Gateway ${shard} <input type="password" name=${`token-${shard}`} autocomplete="off" /></label>`)}
  </details>`;
}

function Actions({ tile, who: { name, gateways } }: { tile: Tile; who: Who }): VNode {
  const action = chosen.value;
  const here = gateways.find(({ shard }) => shard === tile.shard);
  const role = here?.role ?? null;
  const where = gateways.length > 1 ? ` at gateway ${tile.shard}` : '';
  const logOut = html`<button type="button" class="link" onClick=${logout}>Log out</button>`;
  if (role === null)
    return html`<p>Logged in as <b>${name}</b>, but not${where}: ${here?.complaint ?? 'it was not there at your login'}. ${logOut}</p>`;
  return html`<p>Logged in as <b>${name}</b> (${role}${where}). ${logOut}</p>
    <div class="row">${fitting(tile, role).map((each) => html`<button type="button" key=${each} aria-pressed=${action === each} onClick=${() => choose(each)}>${LABELS[each]}</button>`)}</div>
    ${action === null ? null : html`<${Form} tile=${tile} action=${action} />`}`;
}

function Form({ tile, action }: { tile: Tile; action: Action }): VNode {
  const wanted = CONFIRMATIONS[action];
  const needsReason = NEEDS_REASON.has(action);
  const mayRun =
    isLooked.value && (wanted === null || typed.value === wanted) && (!needsReason || reason.value.trim() !== '');
  const submit = (event: Event): void => {
    event.preventDefault();
    void ask(tile, action, mayRun ? (wanted ?? '') : null);
  };
  return html`<form onSubmit=${submit}>
    <div class="row">
      <label><input type="radio" name="scope" checked=${!isWave.value} onChange=${() => scope(false)} /> ${tile.name} only</label>
      <label><input type="radio" name="scope" checked=${isWave.value} onChange=${() => scope(true)} /> all of wave ${tile.wave}</label>
    </div>
    <label>Reason${needsReason ? ' (needed)' : ''} <input type="text" class="reason" maxlength="500" value=${reason.value} onInput=${readInto(reason)} /></label>
    ${isLooked.value && wanted !== null ? html`<label>Type '${wanted}' to ${action} <input type="text" class="confirm" autocomplete="off" value=${typed.value} onInput=${readInto(typed)} /></label>` : null}
    <button type="submit" disabled=${isBusy.value || (isLooked.value && !mayRun)}>${isBusy.value ? 'Under way …' : isLooked.value ? LABELS[action] : 'Look what would happen'}</button>
  </form>`;
}

/** What can make sense for it now. */
function fitting({ phase, state }: Tile, role: string): Action[] {
  const forward: Action[] = phase === 'parallel' && role === 'move' ? ['switch'] : [];
  const back: Action[] = phase === 'switched' ? ['rollback'] : [];
  return [...forward, ...back, state === 'held' ? 'release' : 'hold'];
}

function choose(action: Action): void {
  forget();
  chosen.value = action;
}

function scope(wave: boolean): void {
  isWave.value = wave;
  isLooked.value = false;
  typed.value = '';
}

function readInto(target: { value: string }): (event: Event) => void {
  return (event) => {
    if (event.target instanceof HTMLInputElement) target.value = event.target.value;
  };
}

async function post(path: string, body: object, method = 'POST'): Promise<Response> {
  isBusy.value = true;
  try {
    const csrf = who.value?.csrf;
    const headers = { 'content-type': 'application/json', ...(csrf === undefined ? {} : { 'x-cutover-csrf': csrf }) };
    return await fetch(path, { method, headers, body: JSON.stringify(body) });
  } finally {
    isBusy.value = false;
  }
}

async function login(tokens: Tokens): Promise<void> {
  const answer = await post('/session', tokens);
  const body = await answer.json();
  if (answer.ok) who.value = body;
  outcome.value = answer.ok ? null : { title: 'Not logged in', lines: [String(body.error)], isBad: true };
}

async function logout(): Promise<void> {
  await post('/session', {}, 'DELETE');
  who.value = null;
  forget();
}

async function ask(tile: Tile, action: Action, confirmed: string | null): Promise<void> {
  const target = isWave.value ? { kind: 'wave', name: tile.wave } : { kind: 'connection', name: tile.name };
  const answer = await post('/actions', { action, scope: target, reason: reason.value.trim(), confirmed });
  const body = await answer.json();
  if (answer.status === 401) who.value = null;
  if (!answer.ok) {
    outcome.value = { title: 'Nothing was done', lines: [String(body.error)], isBad: true };
    return;
  }
  outcome.value = outcomeOf(body, confirmed === null);
  isLooked.value = confirmed === null;
  typed.value = '';
}

type Named = { readonly name?: string | null; readonly message?: string };
type Document = {
  readonly plan?: {
    readonly moves: readonly { name: string; from: { phase: string }; to: { phase: string; epoch: number } }[];
  };
  readonly changed?: readonly Named[];
  readonly done?: readonly Named[];
  readonly refused?: readonly Named[];
  readonly aborted?: readonly Named[];
  readonly failed?: readonly Named[];
  readonly nextSteps?: readonly string[];
  readonly error?: { readonly message: string };
};
const SHOWN = 12;

function outcomeOf(
  { command, exitCode, document }: { command: string; exitCode: number | null; document: Document | null },
  isLook: boolean,
): Outcome {
  const moves = (document?.plan?.moves ?? []).map(
    ({ name, from, to }) => `${name}: ${from.phase} → ${to.phase} (epoch ${to.epoch})`,
  );
  const named = (what: string, items: readonly Named[] = []): string[] =>
    items.map(({ name, message }) => `${what} ${name ?? ''}${message === undefined ? '' : `: ${message}`}`);
  const all = [
    ...moves,
    ...named('done', document?.done),
    ...named('moved', document?.changed),
    ...named('refused', document?.refused),
    ...named('aborted', document?.aborted),
    ...named('failed', document?.failed),
    ...(document?.error === undefined ? [] : [document.error.message]),
    ...(isLook ? [] : (document?.nextSteps ?? []).map((step) => `next: ${step}`)),
  ];
  const more = all.length > SHOWN ? [`… and ${all.length - SHOWN} more`] : [];
  const isBad = exitCode !== 0 && exitCode !== null;
  const title = isLook ? `This would run: ${command}` : isBad ? `${command}: exit ${exitCode}` : `${command}: done`;
  return { title, lines: [...all.slice(0, SHOWN), ...more], isBad };
}
