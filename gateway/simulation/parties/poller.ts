/** What polls a table in one platform and sends a message for each row, one unanswered at a time; what is not taken it keeps. */
import { fieldText } from '../../../core/hl7/message.ts';
import { STANDARD_FRAMING } from '../../../core/inventory.ts';
import type { Platform as PlatformName } from '../../../core/platform.ts';
import { framed } from '../../framing.ts';
import type { Witness } from '../judges/witness.ts';
import type { Network } from '../network.ts';
import type { World } from '../world.ts';
import { LegLine } from './leg-line.ts';
import type { OutputAttempt } from './platform.ts';

export type Row = {
  readonly serial: string;
  takenBy: PlatformName | null;
  isSent: boolean;
  /** To a platform that did not own the connection. */
  wasRefused: boolean;
  /** A platform that was left or died had it. */
  isOutOfOrder: boolean;
};

export type PollerEvents = {
  answered(platform: PlatformName, output: Buffer, answer: Buffer, attempt: OutputAttempt): void;
};

const IP = '10.0.3.1';
const KEYS = 20;
const ANSWER_WITHIN_MS = 3000;
const AGAIN_MS = 60;
const REFUSED_AGAIN_MS = 600;

export class Poller {
  readonly #world: World;
  readonly #witness: Witness;
  readonly #options: { readonly platform: PlatformName; readonly port: number; readonly rows: readonly Row[] };
  readonly #events: PollerEvents;
  /** Polled, and not taken yet. */
  readonly #queue: Row[] = [];
  /** Sent, and not refused since: the gateway may have taken them. */
  readonly #tried = new Set<Row>();
  #restsUntilMs = 0;
  #isPolling = false;
  #isDead = false;
  readonly #line: LegLine;
  #sending: { readonly row: Row; readonly payload: Buffer; readonly attempt: OutputAttempt } | null = null;

  constructor(
    world: World,
    network: Network,
    witness: Witness,
    options: { readonly platform: PlatformName; readonly port: number; readonly rows: readonly Row[] },
    events: PollerEvents,
  ) {
    this.#world = world;
    this.#witness = witness;
    this.#options = options;
    this.#events = events;
    this.#line = new LegLine(
      network,
      { port: options.port, ip: IP, listens: false },
      {
        frame: (payload) => this.#answered(payload),
        lost: () => {
          if (this.#sending !== null) this.#againIn(AGAIN_MS);
        },
      },
    );
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  start(): void {
    this.#isPolling = true;
    this.pump();
  }

  /** It polls no more; what it has it still sends. */
  stop(): void {
    this.#isPolling = false;
  }

  die(): void {
    this.#isDead = true;
    this.#isPolling = false;
    for (const row of this.#queue) row.isOutOfOrder = true;
    this.#line.die();
  }

  live(): void {
    this.#isDead = false;
    this.pump();
  }

  /** Rows that were refused to it, or that it has never sent, go back to the table. */
  giveBack(): void {
    for (const row of this.#queue.splice(0)) {
      row.isOutOfOrder = true;
      if (this.#tried.has(row)) this.#queue.push(row);
      else row.takenBy = null;
    }
  }

  pump(): void {
    if (this.#isDead) return;
    if (this.#isPolling) this.#poll();
    const [row] = this.#queue;
    if (row === undefined || this.#sending !== null || this.#world.now < this.#restsUntilMs) return;
    const payload = this.#messageOf(row);
    this.#witness.message(payload);
    const sending = { row, payload, attempt: { sentAtMs: this.#world.now, isFirst: !this.#line.isOpen } };
    this.#sending = sending;
    this.#tried.add(row);
    this.#line.send(framed({ payload }, STANDARD_FRAMING));
    this.#world.after(ANSWER_WITHIN_MS, () => {
      if (this.#sending === sending) this.#line.break();
    });
  }

  #poll(): void {
    for (const row of this.#options.rows) {
      if (row.takenBy !== null) continue;
      row.takenBy = this.#options.platform;
      this.#queue.push(row);
    }
  }

  #messageOf({ serial }: Row): Buffer {
    const key = `K${Number(serial.slice(-6)) % KEYS}`;
    const header = `MSH|^~\\&|${this.#options.platform}|F|D|T|||ORU^R01|${serial}|P|2.5`;
    return Buffer.from(`${header}\rPID|1||${key}\rOBR|1|${serial}\r`, 'latin1');
  }

  #againIn(delayMs: number): void {
    const sending = this.#sending;
    this.#world.after(this.#world.roll(delayMs) + 1, () => {
      if (this.#sending !== sending) return;
      this.#sending = null;
      this.pump();
    });
  }

  #answered(answer: Buffer): void {
    const sending = this.#sending;
    if (sending === null || fieldText(answer, 'MSA-2') !== sending.row.serial) return;
    const { row, payload, attempt } = sending;
    this.#events.answered(this.#options.platform, payload, answer, attempt);
    if (fieldText(answer, 'MSA-1') !== 'AA') {
      row.wasRefused = true;
      this.#tried.delete(row);
      this.#sending = null;
      const restMs = this.#world.roll(REFUSED_AGAIN_MS) + 1;
      this.#restsUntilMs = this.#world.now + restMs;
      this.#world.after(restMs, () => this.pump());
      return;
    }
    row.isSent = true;
    this.#queue.shift();
    this.#sending = null;
    this.pump();
  }
}
