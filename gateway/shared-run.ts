/** One run for all who ask before it has begun, so that what each gets is never older than its question. */
export class SharedRun<T> {
  readonly #run: () => Promise<T>;
  readonly #rest: () => Promise<unknown>;
  /** Not begun yet: whoever asks now gets it too. */
  #next: Promise<T> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** `rest`: what passes after each run, also after one that failed, before the next is begun. */
  constructor(run: () => Promise<T>, rest: () => Promise<unknown> = () => Promise.resolve()) {
    this.#run = run;
    this.#rest = rest;
  }

  ask(): Promise<T> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  #begin(): Promise<T> {
    const run = this.#last.then(() => {
      this.#next = null;
      return this.#run();
    });
    this.#last = run.then(this.#rest, this.#rest);
    return run;
  }
}
