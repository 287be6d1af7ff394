/**
 * A source: stop-and-wait, patient or not. It reuses MSH-10, sends the same message twice on purpose, opens a second
 * socket while the first still waits; it never goes on without an answer.
 */
import { STANDARD_FRAMING } from '../../../core/inventory.ts';
import { readAnswer } from '../../engine/answers.ts';
import { framed } from '../../framing.ts';
import type { Witness } from '../judges/witness.ts';
import type { Handlers, Network, Wire } from '../network.ts';
import type { World } from '../world.ts';
import { frameReader } from './mllp.ts';

export type SourceHabits = {
  /** Probabilities, per message. */
  readonly reusesId: number;
  readonly closesAfterAnswer: number;
  readonly sendsTwice: number;
  /** Of leaving its socket open when it resends on another. */
  readonly keepsSocket: number;
  /** Of not closing such a socket either when the answer comes on another: what is still under way on it arrives some time. */
  readonly leavesSocket: number;
  readonly skipsRejected: number;
  /** Of a message as long as one with a scanned page in it. */
  readonly isLong: number;
  /** Of such a message coming in two halves, with a while between them. */
  readonly isHalved: number;
  readonly ackTimeoutMs: number;
};

export type SourceOptions = {
  readonly name: string;
  readonly port: number;
  /** It waits to be called there, and sends on the connection that it gets. */
  readonly listens: boolean;
  /** It gets a commit as its answer, and later the application's acknowledgement (enhanced mode). */
  readonly isEnhanced: boolean;
  readonly ip: string;
  /** Practices that the messages are for: MSH-6. */
  readonly practices: readonly string[];
  readonly habits: SourceHabits;
};

/**
 * `isFirst`: nothing went out before it on the socket of its answer, so no answer there is to anything earlier. `sentAtMs`: on that
 * socket; where the answer to an attempt comes when its sender has sent again on another one, that of the former attempt.
 */
export type Attempt = {
  readonly serial: string;
  readonly sha: string;
  readonly sentAtMs: number;
  readonly isFirst: boolean;
};

type Current = { readonly serial: string; readonly msh10: string; readonly bytes: string; readonly isTwin: boolean };
/** `openedFor`: the number of the first attempt on it. `sentAtMs`: when the last one went out on it. */
type Socket = { readonly wire: Wire; openedFor: number; messages: number; answers: number; sentAtMs: number };

export type SourceEvents = {
  answered(source: Source, attempt: Attempt, answer: Buffer): void;
  /** An application acknowledgement, some time after the commit. */
  acknowledged(source: Source, payload: Buffer): void;
  tooManyAnswers(source: Source, serial: string): void;
};

const KEYS = 20;
const LONG_BYTES = 30_000;
/** More than what every socket may bring of a frame. */
const HALF_BYTES = 20_000;
const HALVES_APART_MS = 100;

export class Source {
  readonly name: string;
  /** How often each message was answered positively, in the order of the first time. */
  readonly accepted = new Map<string, number>();
  /** How often each message was meant to be sent. */
  readonly meant = new Map<string, number>();
  readonly practiceOf = new Map<string, string>();
  /** Sent again on the socket of its answer, and answered there: rule 6 lets it pass. */
  readonly provenTwins = new Set<string>();
  /**
   * Left on a socket that is newer than the one of its answer: if it comes only after the next message, it is the first frame of a
   * new connection and no resend of the last message, and rule 6 lets it pass.
   */
  readonly leftOnNewer = new Map<string, number>();
  attempts = 0;
  /** From a message to its answer, over all attempts. */
  longestWaitMs = 0;
  isActive = true;
  readonly #world: World;
  readonly #network: Network;
  readonly #witness: Witness;
  readonly #options: SourceOptions;
  readonly #events: SourceEvents;
  readonly #sockets = new Set<Socket>();
  #count = 0;
  #lastId = '';
  #current: Current | null = null;
  #attempt: Pick<Attempt, 'serial' | 'sha'> | null = null;
  #number = 0;
  #isProven = false;
  #begunAtMs = 0;

  constructor(world: World, network: Network, witness: Witness, options: SourceOptions, events: SourceEvents) {
    this.#world = world;
    this.#network = network;
    this.#witness = witness;
    this.#options = options;
    this.#events = events;
    this.name = options.name;
    if (options.listens) network.listen(options.port, (wire) => this.#called(wire));
  }

  get isWaiting(): boolean {
    return this.#current !== null;
  }

  next(): void {
    if (this.#current !== null || !this.isActive) return;
    const { name, practices, habits } = this.#options;
    const serial = `${name}-${String(++this.#count).padStart(6, '0')}`;
    const msh10 = this.#lastId !== '' && this.#world.chance(habits.reusesId) ? this.#lastId : serial;
    this.#lastId = msh10;
    const practice = practices[this.#world.roll(practices.length)] ?? '';
    this.practiceOf.set(serial, practice);
    const key = `K${this.#world.roll(KEYS)}`;
    const isLong = habits.isLong > 0 && this.#world.chance(habits.isLong);
    const page = isLong ? `OBX|1|ED|PDF||${'QUJD'.repeat(LONG_BYTES / 4)}\r` : '';
    // MSH-7 is filled in at each attempt: a resend may change it. The name is latin1, which no header says.
    const bytes = `MSH|^~\\&|SRC|F|D|${practice}|@||ORM^O01|${msh10}|P|2.5\rPID|1||${key}||M\u00fcller\rOBR|1|${serial}\r${page}`;
    this.#begin({ serial, msh10, bytes, isTwin: false });
    this.#send();
  }

  #begin(current: Current): void {
    this.#current = current;
    this.#begunAtMs = this.#world.now;
    this.meant.set(current.serial, (this.meant.get(current.serial) ?? 0) + 1);
  }

  #send(): void {
    const current = this.#current;
    if (current === null) return;
    const number = ++this.#number;
    this.attempts++;
    const payload = Buffer.from(current.bytes.replace('@', String(Math.floor(this.#world.now))), 'latin1');
    const sha = this.#witness.message(payload);
    this.#attempt = { serial: current.serial, sha };
    const socket = this.#open;
    const bytes = framed({ payload }, STANDARD_FRAMING);
    this.#isProven = current.isTwin && socket !== null && number === this.#firstOfTwin;
    this.#unsent = null;
    if (socket !== null) this.#sendOn(socket, bytes);
    else if (this.#options.listens) this.#unsent = bytes;
    else this.#dial(bytes);
    this.#world.after(this.#options.habits.ackTimeoutMs, () => {
      if (this.#number !== number || this.#current !== current) return;
      const stays = this.#world.chance(this.#options.habits.keepsSocket);
      if (!stays) this.#closeAll();
      else this.#open = null;
      this.#send();
    });
  }

  /** The socket that the next attempt goes out on. */
  #open: Socket | null = null;
  #firstOfTwin = -1;
  /** Goes out as soon as the gateway calls. */
  #unsent: Uint8Array | null = null;

  #sendOn(socket: Socket, bytes: Uint8Array): void {
    if (socket.messages === 0) socket.openedFor = this.#number;
    socket.messages++;
    socket.sentAtMs = this.#world.now;
    this.#write(socket.wire, bytes);
  }

  #write(wire: Wire, bytes: Uint8Array): void {
    const { isHalved } = this.#options.habits;
    if (isHalved === 0 || bytes.length < LONG_BYTES || !this.#world.chance(isHalved)) {
      wire.send(bytes);
      return;
    }
    wire.send(bytes.subarray(0, HALF_BYTES));
    this.#world.after(this.#world.roll(HALVES_APART_MS), () => wire.send(bytes.subarray(HALF_BYTES)));
  }

  #called(wire: Wire): Handlers {
    const read = frameReader((payload) => this.#frame(socket, payload));
    const { now: sentAtMs } = this.#world;
    const socket: Socket = { wire, openedFor: this.#number, messages: 0, answers: 0, sentAtMs };
    this.#sockets.add(socket);
    this.#open = socket;
    const bytes = this.#unsent;
    this.#unsent = null;
    if (bytes !== null) this.#sendOn(socket, bytes);
    return {
      data: (chunk) => {
        if (this.#sockets.has(socket)) read(chunk);
      },
      closed: () => this.#closed(socket),
    };
  }

  #dial(bytes: Uint8Array): void {
    const read = frameReader((payload) => this.#frame(socket, payload));
    const wire = this.#network.connect(
      this.#options.port,
      {
        connected: () => this.#write(wire, bytes),
        data: (chunk) => {
          if (this.#sockets.has(socket)) read(chunk);
        },
        closed: () => this.#closed(socket),
      },
      this.#options.ip,
    );
    const { now: sentAtMs } = this.#world;
    const socket: Socket = { wire, openedFor: this.#number, messages: 1, answers: 0, sentAtMs };
    this.#sockets.add(socket);
    this.#open = socket;
  }

  #closed(socket: Socket): void {
    if (!this.#sockets.delete(socket) || this.#open !== socket) return;
    this.#open = null;
    const number = this.#number;
    this.#world.after(20 + this.#world.roll(30), () => {
      const isThere = this.#open !== null && this.#open.messages > 0;
      if (!isThere && this.#current !== null && this.#number === number) this.#send();
    });
  }

  #closeAll(): void {
    this.#open = null;
    for (const socket of [...this.#sockets]) {
      this.#sockets.delete(socket);
      socket.wire.close();
    }
  }

  #frame(socket: Socket, payload: Buffer): void {
    const answer = readAnswer(payload);
    if (this.#options.isEnhanced && answer?.isCommit === false) {
      this.#events.acknowledged(this, payload);
      return;
    }
    const { current, attempt } = { current: this.#current, attempt: this.#attempt };
    socket.answers++;
    if (socket.answers > socket.messages) this.#events.tooManyAnswers(this, current?.serial ?? '');
    if (current === null || attempt === null || answer?.msa2 !== current.msh10) return;
    const { sentAtMs } = socket;
    this.#events.answered(this, { ...attempt, sentAtMs, isFirst: socket.openedFor === this.#number }, payload);
    this.longestWaitMs = Math.max(this.longestWaitMs, this.#world.now - this.#begunAtMs);
    this.#number++;
    const { habits } = this.#options;
    for (const other of [...this.#sockets]) {
      if (other === socket) continue;
      this.#sockets.delete(other);
      const isLeft = habits.leavesSocket > 0 && this.#world.chance(habits.leavesSocket);
      if (!isLeft) other.wire.close();
      else if (other.openedFor > socket.openedFor && other.answers === 0) {
        this.leftOnNewer.set(current.serial, (this.leftOnNewer.get(current.serial) ?? 0) + 1);
      }
    }
    this.#open = socket;
    if (answer.verdict === 'positive') this.#accepted(current);
    else if (!this.#world.chance(habits.skipsRejected)) {
      if (this.#world.chance(habits.closesAfterAnswer)) this.#closeAll();
      const number = this.#number;
      this.#world.after(10, () => {
        if (this.#number === number) this.#send();
      });
      return;
    }
    if (answer.verdict === 'positive' && !current.isTwin && this.#world.chance(habits.sendsTwice)) {
      this.#begin({ ...current, isTwin: true });
      this.#firstOfTwin = this.#number + 1;
      this.#send();
      return;
    }
    this.#current = null;
    if (this.#world.chance(habits.closesAfterAnswer)) this.#closeAll();
    this.#world.after(this.#world.chance(0.3) ? this.#world.roll(200) : 0, () => this.next());
  }

  #accepted(current: Current): void {
    this.accepted.set(current.serial, (this.accepted.get(current.serial) ?? 0) + 1);
    if (current.isTwin && this.#isProven) this.provenTwins.add(current.serial);
  }
}
