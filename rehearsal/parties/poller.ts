/**
 * What polls a table in a simulated platform: it takes the rows one after the other, sends each to its leg, and takes it out
 * once it was answered positively. One of the two platforms polls at a time: whoever stops it knows that nothing of it is
 * in doubt.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isPositive, readAnswer } from '../hl7/reading.ts';
import { MllpClient } from '../mllp.ts';
import { mapMessage, type PlatformName } from './mapping.ts';
import { Table } from './table.ts';

const POLL_MS = 100;
const RETRY_DELAY_MS = 200;

export type PollerOptions = {
  readonly connection: string;
  readonly platform: PlatformName;
  readonly table: string;
  readonly legPort: number;
  readonly answerTimeoutMs: number;
};

export class Poller {
  readonly connection: string;
  readonly #options: PollerOptions;
  readonly #table: Table;
  readonly #client: MllpClient;
  #running: Promise<void> | null = null;
  #isStopping = false;

  constructor(options: PollerOptions) {
    this.#options = options;
    this.connection = options.connection;
    this.#table = new Table(options.table);
    this.#client = new MllpClient(options.legPort);
  }

  /** Rows that it is going to take; none where it does not run. */
  get pending(): number {
    return this.#running === null ? 0 : this.#table.rows().length;
  }

  start(): void {
    this.#isStopping = false;
    this.#running ??= this.#run();
  }

  /** Resolves when nothing of it is on its way: a row whose answer is unknown is sent again until there is one. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    this.#running = null;
    this.#client.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const [row] = this.#table.rows();
      if (row === undefined) await sleep(POLL_MS);
      else await this.#sendOn(row);
    }
  }

  async #sendOn(row: string): Promise<void> {
    const { platform, answerTimeoutMs } = this.#options;
    // Made once: what is sent again has the same bytes, so that it is known again.
    const output = mapMessage(
      this.#table.read(row),
      { platform, regeneratesControlId: false, drift: false },
      '',
      new Date(),
    );
    for (;;) {
      const outcome = await this.#client.exchange(output, answerTimeoutMs);
      const answer = outcome.kind === 'answer' ? readAnswer(outcome.bytes) : null;
      if (answer !== null && isPositive(answer)) {
        this.#table.remove(row);
        return;
      }
      // Refused, so not sent: it stays in the table.
      if (answer !== null && this.#isStopping) return;
      await sleep(RETRY_DELAY_MS);
    }
  }
}
