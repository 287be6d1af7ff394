/** Made-up pictures of a lab, for tests of the page and for the pictures in the documentation. */
import { summarise, type Tile } from '../../core/war-room/board.ts';
import type { Whole } from '../../core/war-room/feed.ts';

export function tile(index: number, more: Partial<Tile> = {}): Tile {
  const direction = index % 2 === 0 ? 'orders' : 'results';
  return {
    name: `practice-${Math.floor(index / 2)}-${direction}`,
    practice: `practice-${Math.floor(index / 2)}`,
    direction,
    wave: index < 10 ? 'pilot' : `wave-${1 + Math.floor(index / 50)}`,
    feed: `practice-${index}`,
    shard: 0,
    owner: 'integration-team',
    phase: 'parallel',
    control: 'legacy',
    epoch: 2,
    newWeight: 0,
    state: 'steady',
    inFlight: 0,
    owed: 0,
    lag: 0,
    decisions: 0,
    received: 1000,
    delivered: 1000,
    maybeSent: 0,
    rollbackReady: true,
    comparison: { pairs: 900, matched: 890, accepted: 10, open: 0 },
    verdict: 'fine',
    reasons: [],
    ...more,
  };
}

export const START_MS = Date.UTC(2026, 5, 6, 22);

export function whole(tiles: readonly Tile[], more: Partial<Whole> = {}): Whole {
  const samples = Array.from({ length: 120 }, (_, index) => ({
    atMs: START_MS + index * 1000,
    received: 110 + 10 * Math.sin(index / 9),
    delivered: 109 + 10 * Math.sin(index / 9),
    lag: index % 7,
  }));
  return {
    deployment: 'lab-prod-1',
    stack: 'production',
    tiles,
    summary: summarise(tiles),
    samples,
    pauses: Array.from({ length: 40 }, (_, index) => ({
      atMs: START_MS + index * 2000,
      connection: `c${index}`,
      pauseMs: 60 + (index % 9) * 12,
      aborted: false,
    })),
    timeline: [
      {
        atMs: START_MS,
        connection: tiles[0]?.name ?? '',
        epoch: 2,
        phase: 'parallel',
        newWeight: 0,
        by: 'ada',
        origin: 'verb',
        reason: 'wave 1',
        forced: false,
      },
    ],
    decisions: [
      {
        id: 'd1',
        connection: tiles[3]?.name ?? '',
        cause: 'output-missing',
        openedAt: '2026-06-06T22:00:00Z',
        proposals: 1,
      },
    ],
    approvals: [
      {
        digest: `sha256:${'a'.repeat(64)}`,
        target: 'switched',
        connections: 250,
        notBefore: '2026-06-06T22:00Z',
        notAfter: '2026-06-07T04:00Z',
      },
    ],
    gate: {
      at: '2026-06-06T21:50:00Z',
      verdict: 'green',
      digest: `sha256:${'b'.repeat(64)}`,
      criteria: [{ id: 'window', verdict: 'green', reason: 'open until 04:00' }],
    },
    sources: [{ name: 'gateway 0', verdict: 'fine', message: 'https://10.20.0.10:7443' }],
    atMs: START_MS,
    ...more,
  };
}
