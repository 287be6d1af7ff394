/**
 * The figures for whoever asks, without traffic feeling it: taken piece by piece with traffic in between, once for all who ask
 * at the same time, and for no more than a tenth of the time, however often someone asks. What is given is never older than
 * the question.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Family, Figures } from './families.ts';
import { SharedRun } from './shared-run.ts';

/** What is taken in so long goes in one go; traffic has its turn after it. */
const STEP_MS = 0.25;
/** After each look so many times as long as it kept the loop passes before the next one is begun, within a bound. */
const REST = 9;
const REST_LIMIT_MS = 2000;

export class Exposition {
  readonly #registry: Registry;
  readonly #look: () => Generator<undefined, readonly Family[]>;
  readonly #looks = new SharedRun(
    () => this.#take(),
    () => setTimeout(Math.min(REST_LIMIT_MS, REST * this.#busyMs), undefined, { ref: false }),
  );
  /** How long the last look kept the loop. */
  #busyMs = 0;

  /** `registry`: of the figures that are few. `look`: takes all others at one look, in steps. */
  constructor(registry: Registry, look: () => Generator<undefined, readonly Family[]>) {
    this.#registry = registry;
    this.#look = look;
  }

  take(): Promise<Figures> {
    return this.#looks.ask();
  }

  async #take(): Promise<Figures> {
    this.#busyMs = 0;
    let began = performance.now();
    const giveWay = async (): Promise<void> => {
      const stepMs = performance.now() - began;
      if (stepMs < STEP_MS) return;
      this.#busyMs += stepMs;
      await setImmediate();
      began = performance.now();
    };
    try {
      const look = this.#look();
      let step = look.next();
      for (; step.done !== true; step = look.next()) await giveWay();
      const pieces: string[] = [];
      for (const { name } of this.#registry.getMetricsAsArray()) {
        pieces.push(await this.#registry.getSingleMetricAsString(name));
        await giveWay();
      }
      return { families: step.value, text: `${pieces.join('\n\n')}\n` };
    } finally {
      this.#busyMs += performance.now() - began;
    }
  }
}
