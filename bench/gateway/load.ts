/** Senders that go on until they are stopped, and what they felt in each window of time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Latencies } from './latencies.ts';
import { Helper } from './processes.ts';
import type { LoadOptions, LoadReport, SenderReply, SenderRequest } from './sender.ts';

export type Felt = {
  readonly lastedMs: number;
  readonly latencies: Latencies;
  readonly longestMs: readonly number[];
  /** Senders that had a message in flight when it began. */
  readonly waiting: number;
};

export class Load {
  readonly #helper = new Helper('./sender.ts');

  private constructor() {}

  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load();
    await load.#ask({ kind: 'start', options }, 'started');
    return load;
  }

  /** Until what the start has held up is worked off; at most half a minute. */
  async caughtUp(): Promise<void> {
    await this.#ask({ kind: 'catch-up' }, 'caught-up');
  }

  /** What is sent, or due, for so long. */
  async feel(ms: number): Promise<Felt> {
    return this.during(() => sleep(ms), false);
  }

  /** What is sent, or due, while `run` runs; `withWaiting`: and what is in flight when it begins. */
  async during(run: () => Promise<unknown>, withWaiting: boolean): Promise<Felt> {
    const { waiting } = await this.#ask({ kind: 'open', withWaiting }, 'opened');
    await run();
    const { report } = await this.#ask({ kind: 'close' }, 'closed');
    return { ...report, latencies: new Latencies(report.counts), waiting };
  }

  /** Once everything is answered; the process ends. */
  async stop(): Promise<LoadReport> {
    const { report } = await this.#ask({ kind: 'stop' }, 'stopped');
    await this.#helper.stop();
    return report;
  }

  /** For the end, also after a failure. */
  abandon(): Promise<void> {
    return this.#helper.stop();
  }

  async #ask<Kind extends SenderReply['kind']>(
    request: SenderRequest,
    kind: Kind,
  ): Promise<Extract<SenderReply, { kind: Kind }>> {
    const isWanted = (reply: SenderReply): reply is Extract<SenderReply, { kind: Kind }> => reply.kind === kind;
    const reply = await this.#helper.ask<SenderReply>(request, isWanted);
    if (!isWanted(reply)) throw new Error(`the senders answered with ${reply.kind}`);
    return reply;
  }
}
