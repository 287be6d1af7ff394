/** The traffic over time: running totals at the ends, about once a second, for the report's chart and the progress line. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load, Traffic } from './load.ts';
import type { Sample } from './result.ts';

const EVERY_MS = 1000;
/** Two hours; a rehearsal takes minutes. */
const MOST_SAMPLES = 7200;

export class Sampler {
  readonly samples: Sample[] = [];
  #running: Promise<void> | null = null;
  readonly #stop = new AbortController();

  start(load: Load, origin: number, onTraffic: (traffic: Traffic, perSecond: number) => void): void {
    this.#running = this.#run(load, origin, onTraffic);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(load: Load, origin: number, onTraffic: (traffic: Traffic, perSecond: number) => void): Promise<void> {
    while (!this.#stop.signal.aborted && this.samples.length < MOST_SAMPLES) {
      // A party that is being killed gives no sample.
      const traffic = await load.traffic().catch(() => null);
      if (traffic !== null) {
        const previous = this.samples.at(-1) ?? { atMs: 0, sent: 0 };
        const atMs = performance.now() - origin;
        const perSecond = ((traffic.accepted - previous.sent) * 1000) / Math.max(1, atMs - previous.atMs);
        this.samples.push({ atMs: Math.round(atMs), sent: traffic.accepted, delivered: traffic.received });
        onTraffic(traffic, perSecond);
      }
      await sleep(EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }
}

/** Positively answered per second, from the first sample to the last in which the sum still grew. */
export function reachedPerSecond(samples: readonly Sample[]): number {
  const [first] = samples;
  const total = samples.at(-1)?.sent ?? 0;
  const last = samples.find(({ sent }) => sent === total);
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
  return Math.round(((last.sent - first.sent) * 1000) / (last.atMs - first.atMs));
}
