/**
 * Connections without a feed (origin: platform), as people move them: what polls at the owner is stopped, somebody says so, the
 * verb runs, and what polls at the new owner is started.
 */
import type { Platform } from '../core/platform.ts';
import type { Load } from './load.ts';
import type { Finished } from './product.ts';
import type { VerbStep } from './verb-steps.ts';

/** Whose outputs a step takes away: what polls there has to stop first. */
const STOPS: Readonly<Partial<Record<string, Platform>>> = { switch: 'legacy', rollback: 'new' };

type Verb = (step: string, argv: readonly string[]) => Promise<Finished>;

export class Flows {
  readonly #names: readonly string[];
  readonly #load: Load;
  readonly #verb: Verb;

  constructor(names: readonly string[], load: Load, verb: Verb) {
    this.#names = names;
    this.#load = load;
    this.#verb = verb;
  }

  /** Legacy owns everything in the beginning. */
  start(): Promise<void> {
    return this.#poll('legacy', true);
  }

  /** What stands in the way of the verb; nothing: it may come. */
  async before({ step, verb }: VerbStep): Promise<readonly string[]> {
    const platform = STOPS[verb];
    if (platform === undefined || this.#names.length === 0) return [];
    await this.#poll(platform, false);
    const said = ['--what', 'stopped', '--platform', platform, '--by', 'the operator of the rehearsal'];
    const reason = ['--reason', 'it polls no more, and nothing of it is on its way'];
    const argv = ['attest', ...said, ...reason, '--connection', this.#names.join(','), '--json'];
    const finished = await this.#verb(`${step} attest`, argv);
    if (finished.exitCode === 0) return [];
    return [`cutover attest ended with exit ${finished.exitCode}`, ...finished.tail];
  }

  /** `controls`: who owns a connection now, by name. */
  async after(controls: ReadonlyMap<string, Platform>): Promise<void> {
    for (const platform of ['legacy', 'new'] as const) {
      const own = this.#names.filter((name) => controls.get(name) === platform);
      if (own.length > 0) await this.#load.poll(platform, own, true);
    }
  }

  async #poll(platform: Platform, isOn: boolean): Promise<void> {
    if (this.#names.length > 0) await this.#load.poll(platform, this.#names, isOn);
  }
}
