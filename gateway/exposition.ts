/**
 * The figures as text, for whoever scrapes them, without traffic feeling it: made piece by piece with traffic in between,
 * once for all who ask at the same time, and for no more than a tenth of the time, however often someone asks. What is
 * given is never older than the question.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Registry } from 'prom-client';

/** What is made in so long goes to the text in one go; traffic has its turn after it. */
const STEP_MS = 1;
/** After each text so many times as long as it kept the loop passes before the next one is begun, within a bound. */
const REST = 9;
const REST_LIMIT_MS = 2000;

export class Exposition {
  readonly #registry: Registry;
  readonly #look: () => Iterable<string | null>;
  /** Not begun yet: whoever asks now gets it too. */
  #next: Promise<string> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** `look`: takes the look that all figures of one text are made from, step by step; where a step has lines, they come first. */
  constructor(registry: Registry, look: () => Iterable<string | null>) {
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
      const stepMs = performance.now() - began;
      if (stepMs < STEP_MS) return;
      busyMs += stepMs;
      await setImmediate();
      began = performance.now();
    };
    try {
      let lines = '';
      for (const step of this.#look()) {
        lines += step ?? '';
        await giveWay();
      }
      const pieces: string[] = [];
      for (const { name } of this.#registry.getMetricsAsArray()) {
        pieces.push(await this.#registry.getSingleMetricAsString(name));
        await giveWay();
      }
      return `${lines}${pieces.join('\n\n')}\n`;
    } finally {
      busyMs += performance.now() - began;
      void setTimeout(Math.min(REST_LIMIT_MS, REST * busyMs), undefined, { ref: false }).then(ended.resolve);
    }
  }
}
