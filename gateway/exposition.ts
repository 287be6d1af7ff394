/**
 * The figures as text, for whoever scrapes them, without traffic feeling it: made piece by piece with traffic in between,
 * once for all who ask at the same time, and for no more than a tenth of the time, however often someone asks. What is
 * given is never older than the question.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Registry } from 'prom-client';

/** After each text so many times as long as it kept the loop passes before the next one is begun, within a bound. */
const REST = 9;
const REST_LIMIT_MS = 2000;

export class Exposition {
  readonly #registry: Registry;
  readonly #look: () => Iterable<unknown>;
  /** Not begun yet: whoever asks now gets it too. */
  #next: Promise<string> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** `look`: takes the look that all figures of one text are made from, step by step. */
  constructor(registry: Registry, look: () => Iterable<unknown>) {
    this.#registry = registry;
    this.#look = look;
  }

  text(): Promise<string> {
    if (this.#next !== null) return this.#next;
    this.#next = this.#last.then(() => this.#render());
    return this.#next;
  }

  async #render(): Promise<string> {
    this.#next = null;
    const ended = Promise.withResolvers<void>();
    this.#last = ended.promise;
    let busyMs = 0;
    let began = performance.now();
    const giveWay = async (): Promise<void> => {
      busyMs += performance.now() - began;
      await setImmediate();
      began = performance.now();
    };
    try {
      for (const _step of this.#look()) await giveWay();
      const pieces: string[] = [];
      for (const { name } of this.#registry.getMetricsAsArray()) {
        pieces.push(await this.#registry.getSingleMetricAsString(name));
        await giveWay();
      }
      return `${pieces.join('\n\n')}\n`;
    } finally {
      void setTimeout(Math.min(REST_LIMIT_MS, REST * busyMs), undefined, { ref: false }).then(ended.resolve);
    }
  }
}
