/** What is written down of a night: the rules that were broken, and a trace that one can read. */
import type { World } from './world.ts';

const TRACE_LIMIT = 400;
const VIOLATIONS_LIMIT = 20;

export class Chronicle {
  readonly violations: string[] = [];
  readonly trace: string[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  violate(rule: number, text: string): void {
    if (this.violations.length < VIOLATIONS_LIMIT) this.violations.push(`rule ${rule}: ${text}`);
  }

  note(text: string): void {
    this.trace.push(`${(this.#world.now / 1000).toFixed(3)} ${text}`);
    if (this.trace.length > TRACE_LIMIT) this.trace.shift();
  }
}
