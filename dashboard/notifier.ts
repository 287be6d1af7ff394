/** With `--notify`: the receivers of `stacks/NAME/notify.yaml` hear of reds, of waves that are through, and of moves that no verb made. */
import { tellAll } from '../adapters/notify.ts';
import { addMoves, NOTHING_PENDING, type Pending, takeMoves } from '../core/notice/moves.ts';
import type { Receiver } from '../core/notice/receivers.ts';
import { NOTHING_SEEN, type WatchState, watch } from '../core/notice/watch.ts';
import type { TimelineEntry, Whole } from '../core/war-room/feed.ts';

export class Notifier {
  readonly #receivers: readonly Receiver[];
  readonly #env: NodeJS.ProcessEnv;
  #state: WatchState = NOTHING_SEEN;
  #pending: Pending = NOTHING_PENDING;

  constructor(receivers: readonly Receiver[], env: NodeJS.ProcessEnv) {
    this.#receivers = receivers;
    this.#env = env;
  }

  noteMoves(moves: readonly TimelineEntry[]): void {
    this.#pending = addMoves(this.#pending, moves, Date.now());
  }

  look({ tiles, deployment, stack, atMs }: Whole): void {
    const { state, notices } = watch(this.#state, { tiles, deployment, stack, nowMs: atMs });
    this.#state = state;
    const waveOf = new Map(tiles.map(({ name, wave }) => [name, wave]));
    const taken = takeMoves(this.#pending, { deployment, stack, waveOf, nowMs: atMs });
    this.#pending = taken.pending;
    for (const notice of [...taken.notices, ...notices]) void this.#tell(notice);
  }

  async #tell(notice: Parameters<typeof tellAll>[1]): Promise<void> {
    for (const { receiver, ok, message } of await tellAll(this.#receivers, notice, this.#env))
      if (!ok) process.stderr.write(`dashboard: '${receiver}' of notify.yaml was not told: ${message}\n`);
  }
}
