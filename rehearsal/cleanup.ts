/** What has been started is ended again, last first, however the rehearsal ends. */

type Undo = { readonly what: string; readonly undo: () => void | Promise<void> };

const LIMIT_PER_STEP_MS = 20_000;

export class Cleanup {
  readonly #steps: Undo[] = [];

  add(what: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** Goes on after a failure; answers with what could not be ended. */
  async run(): Promise<string[]> {
    const failures: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const { what, undo } = step;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not ended within ${LIMIT_PER_STEP_MS} ms`)), LIMIT_PER_STEP_MS);
      });
      try {
        await Promise.race([Promise.resolve(undo()), late]);
      } catch (error) {
        failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      } finally {
        clearTimeout(timer);
      }
    }
    return failures;
  }
}
