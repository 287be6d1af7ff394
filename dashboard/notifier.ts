/** With `--notify`: the receivers of `stacks/NAME/notify.yaml` hear of reds and of waves that are through, between verbs too. */
import { tellAll } from '../adapters/notify.ts';
import type { Receiver } from '../core/notice/receivers.ts';
import { NOTHING_SEEN, type WatchState, watch } from '../core/notice/watch.ts';
import type { Whole } from '../core/war-room/feed.ts';

export class Notifier {
  readonly #receivers: readonly Receiver[];
  readonly #env: NodeJS.ProcessEnv;
  #state: WatchState = NOTHING_SEEN;

  constructor(receivers: readonly Receiver[], env: NodeJS.ProcessEnv) {
    this.#receivers = receivers;
    this.#env = env;
  }

  look({ tiles, deployment, stack, atMs }: Whole): void {
    const { state, notices } = watch(this.#state, { tiles, deployment, stack, nowMs: atMs });
    this.#state = state;
    for (const notice of notices) void this.#tell(notice);
  }

  async #tell(notice: Parameters<typeof tellAll>[1]): Promise<void> {
    for (const { receiver, ok, message } of await tellAll(this.#receivers, notice, this.#env))
      if (!ok) process.stderr.write(`dashboard: '${receiver}' of notify.yaml was not told: ${message}\n`);
  }
}
