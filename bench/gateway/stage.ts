/**
 * The variants of a comparison. They all stand beside each other, and only the one whose turn it is has traffic; with many
 * feeds they would not find ports enough, and each is started for its turn.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MANY_FEEDS, startVariant, type Variant, type VariantName } from './variants.ts';

export class Stage {
  readonly #feeds: number;
  readonly #folder: string;
  readonly #standing = new Map<VariantName, Variant>();

  private constructor(feeds: number, folder: string) {
    this.#feeds = feeds;
    this.#folder = folder;
  }

  static async open(names: readonly VariantName[], feeds: number, folder: string): Promise<Stage> {
    const stage = new Stage(feeds, folder);
    try {
      if (feeds <= MANY_FEEDS) for (const name of names) stage.#standing.set(name, await stage.#start(name));
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async turn<T>(name: VariantName, run: (variant: Variant) => Promise<T>): Promise<T> {
    const standing = this.#standing.get(name);
    if (standing !== undefined) return run(standing);
    const variant = await this.#start(name);
    try {
      return await run(variant);
    } finally {
      await variant.stop();
      await rm(variant.folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    for (const variant of this.#standing.values()) await variant.stop();
  }

  #start(name: VariantName): Promise<Variant> {
    return startVariant(name, this.#feeds, join(this.#folder, `${name}-${this.#feeds}`));
  }
}
