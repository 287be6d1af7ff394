/** The board: every connection as a tile, by wave. One stop for the tab key; arrows go from tile to tile. */
import { signal } from '@preact/signals';
import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { filter, opened, showsAll, tiles, waves } from './store.ts';
import { number, phaseMark, SIGNS, spoken } from './words.ts';

/** From so many on, tiles are small. */
const MANY = 600;
const current = signal('');

export function Board(): VNode {
  const all = waves.value;
  const total = all.reduce((sum, [, names]) => sum + names.length, 0);
  const first = all[0]?.[1][0] ?? '';
  return html`<section id="board" aria-labelledby="board-title" class=${total > MANY ? 'board small' : 'board'} onKeyDown=${move}>
    <div class="board-head">
      <h2 id="board-title">Board</h2>
      <label>Find <input type="search" value=${filter.value} onInput=${find} placeholder="name, practice, owner" /></label>
      <label><input type="checkbox" checked=${!showsAll.value} onChange=${toggle} /> only what is not fine</label>
      <p class="legend" aria-label="Signs">✓ fine · ▲ watch · ✖ needs somebody · ? unknown — L legacy · L∥N parallel · N new</p>
    </div>
    ${all.map(([wave, names]) => html`<${Wave} key=${wave} wave=${wave} names=${names} first=${first} />`)}
  </section>`;
}

function Wave({ wave, names, first }: { wave: string; names: readonly string[]; first: string }): VNode {
  return html`<section class="wave" aria-label=${`wave ${wave}`}>
    <h3>${wave} <span class="count">${names.length}</span></h3>
    <ul class="tiles">${names.map((name) => html`<${TileButton} key=${name} name=${name} first=${first} />`)}</ul>
  </section>`;
}

function TileButton({ name, first }: { name: string; first: string }): VNode | null {
  const tile = tiles.get(name)?.value;
  if (tile === undefined) return null;
  const isFound =
    filter.value === '' ||
    `${tile.name} ${tile.practice} ${tile.owner} ${tile.phase}`.toLowerCase().includes(filter.value);
  if (!isFound || (!showsAll.value && tile.verdict === 'fine')) return null;
  const isCurrent = (current.value || first) === name;
  const differences = tile.comparison?.open ?? 0;
  return html`<li>
    <button type="button" class=${`tile ${tile.verdict}`} tabIndex=${isCurrent ? 0 : -1} data-name=${name} title=${[tile.name, ...tile.reasons].join('\n')} onClick=${open}>
      <span class="sign" aria-hidden="true">${SIGNS[tile.verdict]}</span>
      <span class="name">${tile.name}</span><span class="spoken">, ${spoken(tile)}, </span>
      <span class="phase">${phaseMark(tile)}</span>
      <span class="facts">
        ${tile.state !== null && tile.state !== 'steady' ? html`<b>${tile.state}</b> ` : null}
        ${number(tile.delivered)} out${tile.lag > 0 ? ` · lag ${number(tile.lag)}` : ''}${differences > 0 ? ` · ${number(differences)} diff` : ''}${tile.phase === 'switched' ? ` · back ${tile.rollbackReady ? '✓' : '✖'}` : ''}
      </span>
      <span class="owner">${tile.owner}</span>
    </button>
  </li>`;
}

function open(event: MouseEvent): void {
  if (!(event.currentTarget instanceof HTMLElement)) return;
  current.value = event.currentTarget.dataset.name ?? '';
  opened.value = current.value;
}

function find(event: Event): void {
  if (event.target instanceof HTMLInputElement) filter.value = event.target.value.trim().toLowerCase();
}

function toggle(): void {
  showsAll.value = !showsAll.value;
}

const STEPS: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowLeft: -1 };

function move(event: KeyboardEvent): void {
  const board = event.currentTarget;
  const from = event.target;
  if (!(board instanceof HTMLElement) || !(from instanceof HTMLElement) || !from.classList.contains('tile')) return;
  const all = [...board.querySelectorAll<HTMLElement>('button.tile')];
  const at = all.indexOf(from);
  const step = STEPS[event.key] ?? rowStep(event.key, all, at);
  const next =
    event.key === 'Home' ? all[0] : event.key === 'End' ? all.at(-1) : step === 0 ? undefined : all[at + step];
  if (next === undefined) return;
  event.preventDefault();
  current.value = next.dataset.name ?? '';
  next.focus();
}

/** How many tiles on is the one above or below. */
function rowStep(key: string, all: readonly HTMLElement[], at: number): number {
  const direction = key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : 0;
  const here = all[at]?.getBoundingClientRect();
  if (direction === 0 || here === undefined) return 0;
  for (let index = at + direction; index >= 0 && index < all.length; index += direction) {
    const there = all[index]?.getBoundingClientRect();
    if (there !== undefined && Math.abs(there.top - here.top) > 4 && Math.abs(there.left - here.left) < here.width / 2)
      return index - at;
  }
  return 0;
}
