/** One port that outputs come to: for one connection and platform, or for several, told apart by `match`. */

import { matchesPredicate } from '../../core/hl7/message.ts';
import type { Leg } from '../../core/inventory.ts';
import { LazyMap } from '../../core/lazy-collections.ts';
import type { Platform } from '../../core/platform.ts';
import type { ConnectionEngine } from './connection.ts';
import { FENCED, Intake, type IntakeOwner, type Message } from './intake.ts';
import { newActivity } from './obligation.ts';
import type { MessageFacts } from './records.ts';
import type { Runtime } from './runtime.ts';

const LEG = 'leg:';

/** Legs with the same key are one endpoint: a port of the gateway, or a sender that it dials. */
export function legKey({ dial, port }: Leg): string {
  return dial === null ? String(port) : `${dial.host}:${port}`;
}

/** The leg at which it sends; null: it sends at a feed. */
export function legOfSender(sender: string): string | null {
  return sender.startsWith(LEG) ? sender.slice(LEG.length, sender.lastIndexOf('@')) : null;
}

export type LegMember = { readonly connection: ConnectionEngine; readonly platform: Platform };

export class LegPort implements IntakeOwner {
  readonly intake: Intake;
  #members: readonly LegMember[] = [];
  readonly #activity = newActivity();
  readonly #runtime: Runtime;
  /** Who works on a message. */
  readonly #working = new LazyMap<Message, LegMember>();

  constructor(leg: Leg, runtime: Runtime, frameLimitBytes: number) {
    this.#runtime = runtime;
    const name = `${LEG}${legKey(leg)}`;
    const frames = runtime.outputFrames;
    this.intake = new Intake({ name, listener: leg, runtime, owner: this, frameLimitBytes, frames });
  }

  get members(): readonly LegMember[] {
    return this.#members;
  }

  add(member: LegMember): void {
    this.#members = [...this.#members, member];
    member.connection.obligations.shareLeg(member.platform, this.#activity);
  }

  #pick(payload: Uint8Array): LegMember | undefined {
    return this.#members.find(({ connection, platform }) => {
      const { match } = connection.config.legs[platform];
      return match === null || matchesPredicate(payload, match);
    });
  }

  answeredAgain(facts: MessageFacts, offset: number | null, heard: string | null): void {
    this.#members[0]?.connection.listed('answeredAgain', facts, offset, 'resent-by-platform', { heard });
    this.#heard();
  }

  reusedId({ facts }: Message): void {
    this.#runtime.fx.log('warn', 'reused-id', { sha: facts.sha.slice(0, 12) });
  }

  firstAfterCrash({ frame, facts, sender }: Message): void {
    this.#pick(frame.payload)?.connection.listed('maybeSent', facts, null, 'before-crash', { heard: sender });
  }

  refused(facts: MessageFacts, cause: string): void {
    const endpoint = `leg of ${this.#members[0]?.connection.config.name ?? '?'}`;
    if (this.#runtime.journalFailed) return;
    this.#runtime.append({ t: 'refusal', endpoint, cause, at: this.#runtime.now, ...facts }, null, 'written');
  }

  deserted(): void {}

  ended(message: Message): void {
    const member = this.#working.get(message);
    this.#working.delete(message);
    member?.connection.outputEnded(member.platform, this.#runtime.now - message.receivedAtMs);
  }

  /** Of whom it is cannot be told: none of them is stopped. */
  #heard(): void {
    for (const { connection, platform } of this.#members) connection.platformOrigin?.heard(platform, this.#runtime.now);
  }

  message(message: Message): void {
    const member = this.#pick(message.frame.payload);
    const worker = member ?? this.#members[0];
    if (worker === undefined) return;
    if (worker.connection.isFenced) {
      this.intake.refuse(message, 'AR', FENCED);
      return;
    }
    if (member === undefined && this.#members.some(({ connection }) => connection.platformOrigin !== null)) {
      // Parked, it would count as sent there, and its row is in no feed that could bring it again.
      this.#heard();
      this.intake.refuse(message, 'AE', 'no connection of this port matches it');
      return;
    }
    this.#working.set(message, worker);
    if (member !== undefined) member.connection.output(message, member.platform, this.intake);
    // Fits no connection of its port: kept durably, answered, listed under the port's first connection.
    else worker.connection.park(message, worker.platform, this.intake, 'no-connection-matches');
  }
}
