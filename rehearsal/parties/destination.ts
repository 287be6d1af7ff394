/** A receiver at the far end: the LIS for orders, an EMR for results. Answers itself, and writes down all it gets, in order. */
import { answerTo } from '../hl7/answers.ts';
import { type IdentityKind, identityOf } from '../hl7/reading.ts';
import { listenMllp, type MllpServer } from '../mllp.ts';
import { platformOf } from './mapping.ts';
import type { ReceivedMessage } from './records.ts';

const NAK_EVERY = 7;
const SLOW_ANSWER_MS = 400;

export type DestinationOptions = {
  readonly connection: string;
  readonly port: number;
  readonly identity: IdentityKind;
};

export type DestinationFaults = { nak: boolean; slow: boolean };

export class Destination {
  readonly connection: string;
  readonly log: ReceivedMessage[] = [];
  readonly faults: DestinationFaults = { nak: false, slow: false };
  readonly #options: DestinationOptions;
  #server: MllpServer | null = null;
  #answers = 0;

  constructor(options: DestinationOptions) {
    this.#options = options;
    this.connection = options.connection;
  }

  async listen(): Promise<number> {
    this.#server = await listenMllp(this.#options.port, (message, answer) => this.#receive(message, answer));
    return this.#server.port;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #receive(message: Buffer, answer: (bytes: Buffer) => void): void {
    this.#answers++;
    const accepted = !(this.faults.nak && this.#answers % NAK_EVERY === 0);
    this.log.push({ ...identityOf(message, this.#options.identity), accepted, from: platformOf(message) });
    const reply = answerTo(message, accepted ? 'AA' : 'AE', `D${this.#answers}`, new Date());
    if (this.faults.slow) setTimeout(() => answer(reply), SLOW_ANSWER_MS);
    else answer(reply);
  }
}
