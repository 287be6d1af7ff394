/**
 * One channel of a simulated platform: takes a feed's messages, maps them, sends each on to the gateway leg of the
 * connection it is for. Answers its input either once it has stored the message or after the destination answered;
 * sends in order, again after a lost connection or a negative answer, with latency and jitter.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AnswerCode, answerTo } from '../hl7/answers.ts';
import { type Random, randomFrom } from '../hl7/random.ts';
import { copyFacilitiesOf, isPositive, readAnswer, readHeader } from '../hl7/reading.ts';
import { listenMllp, MllpClient, type MllpServer } from '../mllp.ts';
import { mapMessage, type PlatformName } from './mapping.ts';
import { type StoredOutput, StoredQueue } from './stored-queue.ts';

const QUEUE_LIMIT = 2000;
const RETRY_DELAY_MS = 200;
const SLOW_EXTRA_MS = 150;
const NAK_EVERY = 4;
const DROP_EVERY = 3;
const DUPLICATE_EVERY = 4;

export type ChannelOutput = {
  readonly connection: string;
  /** MSH-6 or copy-to (OBR-28) of the messages that it takes; null takes all. */
  readonly facility: string | null;
  readonly legPort: number;
};

export type ChannelOptions = {
  readonly feed: string;
  readonly platform: PlatformName;
  readonly port: number;
  readonly answers: 'storage' | 'destination';
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly regeneratesControlId: boolean;
  readonly answerTimeoutMs: number;
  readonly outputs: readonly ChannelOutput[];
  /** Enhanced mode: a commit when it has stored a message, the application's acknowledgement when it has passed it on. */
  readonly defersAcknowledgement: boolean;
  /** What it has taken is kept there over a kill; null: in memory only. */
  readonly queueFile: string | null;
  readonly seed: string;
};

export type ChannelFaults = { drift: boolean; slow: boolean; nak: boolean; drop: boolean; duplicate: boolean };

type Output = { readonly connection: string; readonly client: MllpClient; readonly bytes: Buffer };
type Item = {
  readonly outputs: readonly Output[];
  /** In the stored queue. */
  readonly number: number | null;
  settle(code: AnswerCode): void;
};
type LastInput = { readonly input: Buffer; code: AnswerCode | null; readonly waiting: ((code: AnswerCode) => void)[] };

export class Channel {
  readonly faults: ChannelFaults = { drift: false, slow: false, nak: false, drop: false, duplicate: false };
  received = 0;
  sentOn = 0;
  rejectedByLeg = 0;
  /** Messages that a fault has struck. */
  struck = 0;
  readonly #options: ChannelOptions;
  readonly #clients: ReadonlyMap<string, MllpClient>;
  readonly #random: Random;
  readonly #queue: Item[] = [];
  /** Makes MSH-10 unique over restarts of the platform. */
  readonly #run = Date.now().toString(36).slice(-6).toUpperCase();
  #last: LastInput | null = null;
  readonly #stored: StoredQueue | null;
  #server: MllpServer | null = null;
  #working = false;
  #closed = false;
  #numbers = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#clients = new Map(options.outputs.map((output) => [output.connection, new MllpClient(output.legPort)]));
    this.#random = randomFrom(`${options.seed}/${options.platform}/${options.feed}`);
    this.#stored = options.queueFile === null ? null : new StoredQueue(options.queueFile);
    for (const { number, outputs } of this.#stored?.left ?? []) {
      this.#queue.push({ number, outputs: this.#withClients(outputs), settle: () => undefined });
    }
  }

  get pending(): number {
    return this.#queue.length;
  }

  async listen(): Promise<number> {
    this.#server = await listenMllp(this.#options.port, (message, answer) => this.#receive(message, answer));
    if (this.#queue.length > 0 && !this.#working) void this.#work();
    return this.#server.port;
  }

  /** As if the platform were down: no listener, no sockets. What it has stored stays. */
  async stopListening(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const client of this.#clients.values()) client.close();
    await this.stopListening();
  }

  #receive(input: Buffer, answer: (bytes: Buffer) => void): void {
    this.received++;
    const reply = (code: AnswerCode): void => answer(answerTo(input, code, this.#nextControlId(), new Date()));
    if (this.faults.nak && this.received % NAK_EVERY === 0) {
      this.struck++;
      reply('AE');
      return;
    }
    // Engines that lack this double a message whose answer got lost; here only the gateway is on trial.
    const last = this.#last;
    if (last?.input.equals(input) && (last.code === null || last.code === 'AA' || last.code === 'CA')) {
      if (last.code === null) last.waiting.push(reply);
      else reply(last.code);
      return;
    }
    if (this.#queue.length >= QUEUE_LIMIT) reply('AR');
    else this.#accept(input, reply);
  }

  #accept(input: Buffer, reply: (code: AnswerCode) => void): void {
    const outputs = this.#mapped(input);
    const number = this.#stored?.take(outputs) ?? null;
    if (this.#options.defersAcknowledgement) {
      this.#acceptAndDefer(input, { outputs, number }, reply);
      return;
    }
    const current: LastInput = { input, code: null, waiting: [reply] };
    const settle = (code: AnswerCode): void => {
      if (current.code !== null) return;
      current.code = code;
      for (const waiting of current.waiting) waiting(code);
    };
    this.#last = current;
    this.#queue.push({ outputs, number, settle });
    if (this.#options.answers === 'storage') setTimeout(() => settle('AA'), this.#delayMs());
    if (!this.#working) void this.#work();
  }

  /** Two answers on one socket: the commit frees the sender for its next message, the other one comes when it is due. */
  #acceptAndDefer(input: Buffer, item: Omit<Item, 'settle'>, reply: (code: AnswerCode) => void): void {
    this.#last = { input, code: 'CA', waiting: [] };
    reply('CA');
    this.#queue.push({ ...item, settle: reply });
    if (!this.#working) void this.#work();
  }

  #withClients(outputs: readonly StoredOutput[]): Output[] {
    return outputs.flatMap(({ connection, bytes }) => {
      const client = this.#clients.get(connection);
      return client === undefined ? [] : [{ connection, client, bytes }];
    });
  }

  #mapped(input: Buffer): Output[] {
    const { platform, regeneratesControlId, outputs } = this.#options;
    if (this.faults.drop && this.received % DROP_EVERY === 0) {
      this.struck++;
      return [];
    }
    if (this.faults.slow || this.faults.drift) this.struck++;
    const facilities = new Set([readHeader(input).fields[6] ?? '', ...copyFacilitiesOf(input)]);
    const mapped = outputs
      .filter((output) => output.facility === null || facilities.has(output.facility))
      .map(({ connection }) => {
        const rule = { platform, regeneratesControlId, drift: this.faults.drift };
        return { connection, bytes: mapMessage(input, rule, this.#nextControlId(), new Date()) };
      });
    const isTwice = this.faults.duplicate && this.received % DUPLICATE_EVERY === 0;
    if (isTwice) this.struck++;
    return this.#withClients(isTwice ? [...mapped, ...mapped] : mapped);
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let item = this.#queue[0]; item !== undefined && !this.#closed; item = this.#queue[0]) {
      await sleep(this.#delayMs());
      let code: AnswerCode = 'AA';
      for (const { client, bytes } of item.outputs) {
        if (!(await this.#sendOn(client, bytes))) code = 'AE';
      }
      this.#queue.shift();
      if (item.number !== null) this.#stored?.done(item.number);
      item.settle(code);
    }
    this.#working = false;
  }

  /** False: answered negatively, and the source is told (the channel answers after the destination). */
  async #sendOn(client: MllpClient, bytes: Buffer): Promise<boolean> {
    while (!this.#closed) {
      const outcome = await client.exchange(bytes, this.#options.answerTimeoutMs);
      if (outcome.kind === 'answer') {
        const answer = readAnswer(outcome.bytes);
        if (answer !== null && isPositive(answer)) {
          this.sentOn++;
          return true;
        }
        this.rejectedByLeg++;
        if (this.#options.answers === 'destination' && answer?.code === 'AE') return false;
      }
      await sleep(RETRY_DELAY_MS);
    }
    return false;
  }

  #delayMs(): number {
    const { latencyMs, jitterMs } = this.#options;
    return latencyMs + this.#random.next() * jitterMs + (this.faults.slow ? SLOW_EXTRA_MS : 0);
  }

  #nextControlId(): string {
    const initial = this.#options.platform === 'legacy' ? 'L' : 'N';
    return `${initial}${this.#run}${String(++this.#numbers).padStart(8, '0')}`;
  }
}
