/** The receiving processes, as the bench asks things of them. */
import { Helper } from './processes.ts';
import type { Count, Mood, ReceiverOptions, ReceiverReply, ReceiverRequest } from './receiver.ts';

export class Receiver {
  readonly #helper = new Helper('./receiver.ts');

  async listen(options: ReceiverOptions): Promise<readonly number[]> {
    const reply = await this.#ask({ kind: 'listen', options });
    return reply.kind === 'listening' ? reply.ports : [];
  }

  async behave(mood: Mood): Promise<void> {
    await this.#ask({ kind: 'behave', mood });
  }

  /** How long it takes for each answer from now on. */
  async takes(answerMs: number): Promise<void> {
    await this.#ask({ kind: 'take', answerMs });
  }

  /** What arrived since the last count. */
  async count(): Promise<Count> {
    const reply = await this.#ask({ kind: 'count' });
    if (reply.kind !== 'counted') throw new Error('the receiver did not count');
    return reply.count;
  }

  stop(): Promise<void> {
    return this.#helper.stop();
  }

  #ask(request: ReceiverRequest): Promise<ReceiverReply> {
    return this.#helper.ask<ReceiverReply>(request);
  }
}
