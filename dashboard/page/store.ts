/** What the page knows, as signals: one a connection, so that a change of one redraws one. */
import { computed, type Signal, signal } from '@preact/signals';
import type { Summary, Tile } from '../../core/war-room/board.ts';
import { appendBounded, KEPT, mergeBounded, type Patch, type Whole } from '../../core/war-room/feed.ts';

type Rest = Omit<Whole, 'tiles' | 'summary'>;

/** No news for so long is no good news. */
const STALE_AFTER_MS = 6_000;

export const tiles = new Map<string, Signal<Tile>>();
/** Wave → names, in the inventory's order. */
export const waves = signal<readonly (readonly [string, readonly string[]])[]>([]);
export const summary = signal<Summary | null>(null);
export const rest = signal<Rest | null>(null);
export const filter = signal('');
export const showsAll = signal(true);
export const opened = signal<string | null>(null);
export const nowMs = signal(Date.now());
export const newsMs = signal(0);
export const isStale = computed(() => nowMs.value - newsMs.value > STALE_AFTER_MS);

export function connect(): void {
  const events = new EventSource('/events');
  events.addEventListener('whole', (event) => takeWhole(JSON.parse(event.data)));
  events.addEventListener('patch', (event) => takePatch(JSON.parse(event.data)));
  setInterval(() => {
    nowMs.value = Date.now();
  }, 1_000);
}

function takeWhole({ tiles: all, summary: all_summary, ...others }: Whole): void {
  const names = new Set(all.map(({ name }) => name));
  for (const name of tiles.keys()) if (!names.has(name)) tiles.delete(name);
  for (const tile of all) setTile(tile);
  const byWave = Map.groupBy(all, ({ wave }) => wave);
  waves.value = [...byWave].map(([wave, members]) => [wave, members.map(({ name }) => name)] as const);
  summary.value = all_summary;
  rest.value = others;
  hear();
}

function takePatch(patch: Patch): void {
  for (const tile of patch.tiles ?? []) setTile(tile);
  if (patch.summary !== undefined) summary.value = patch.summary;
  const before = rest.value;
  if (before === null) return;
  rest.value = {
    ...before,
    atMs: patch.atMs,
    samples: appendBounded(before.samples, patch.samples ?? [], KEPT.samples),
    pauses: mergeBounded(before.pauses, patch.pauses ?? [], KEPT.pauses),
    timeline: mergeBounded(before.timeline, patch.timeline ?? [], KEPT.timeline),
    decisions: patch.decisions ?? before.decisions,
    approvals: patch.approvals ?? before.approvals,
    gate: patch.gate === undefined ? before.gate : patch.gate,
    sources: patch.sources ?? before.sources,
  };
  hear();
}

function setTile(tile: Tile): void {
  const known = tiles.get(tile.name);
  if (known === undefined) tiles.set(tile.name, signal(tile));
  else known.value = tile;
}

function hear(): void {
  nowMs.value = Date.now();
  newsMs.value = nowMs.value;
}
