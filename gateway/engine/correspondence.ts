/**
 * Rule 7: who still waits for something about a message that a peer has answered. Enhanced mode answers twice (CA, later AA or
 * AE; HL7 v2 chapter 2, section 2.9.3), and an order or a query may be followed by a response of its own (ORR, ORL, RSP).
 */

import { fieldText } from '../../core/hl7/message.ts';
import { Newest } from '../../core/newest.ts';
import type { SocketId } from './io.ts';

export type Correspondent = {
  /** Null: a copy of the gateway's, nobody waits. */
  readonly sender: string | null;
  readonly socket: SocketId | null;
  /** The peer has only committed to it: its application acknowledgement is still to come. */
  readonly isCommitted: boolean;
};

/** Oldest first; ids that follow each other and are for the same one stand together. In former checkpoints each stands alone. */
export type CorrespondenceState = readonly (readonly [ids: string | readonly string[], who: Correspondent])[];

/** At least half of them. */
const REMEMBERED_LIMIT = 2000;

export class Correspondence {
  readonly #byId = new Newest<string, Correspondent>(REMEMBERED_LIMIT);
  #newest: Correspondent | null = null;

  remember(msh10: string, who: Correspondent): void {
    if (msh10 === '') return;
    // Message after message comes on one socket: what is kept of each is the same.
    if (this.#newest === null || !isSame(this.#newest, who)) this.#newest = who;
    this.#byId.set(msh10, this.#newest);
  }

  /** True where the frame's MSA-2 is an id of ours. */
  knows(payload: Uint8Array): boolean {
    return this.#byId.has(fieldText(payload, 'MSA-2') ?? '');
  }

  /** True where it names a message that was committed to, and whose application acknowledgement has not come. */
  awaits(payload: Uint8Array): boolean {
    return this.#byId.get(fieldText(payload, 'MSA-2') ?? '')?.isCommitted === true;
  }

  /** Whom a frame with an MSA is for, that answers no message in flight; null: nobody, as a second acknowledgement. */
  addressee(payload: Uint8Array): Correspondent | null {
    const id = fieldText(payload, 'MSA-2') ?? '';
    const who = this.#byId.get(id);
    if (who === undefined) return null;
    if (!isAcknowledgement(payload)) return who;
    if (!who.isCommitted) return null;
    this.#byId.set(id, { ...who, isCommitted: false });
    return who;
  }

  dump(): CorrespondenceState {
    const state: (readonly [string[], Correspondent])[] = [];
    for (const [id, { sender, isCommitted }] of this.#byId) {
      const who = { sender, socket: null, isCommitted };
      const last = state.at(-1);
      if (last !== undefined && isSame(last[1], who)) last[0].push(id);
      else state.push([[id], who]);
    }
    return state;
  }

  load(state: CorrespondenceState): void {
    for (const [ids, who] of state) {
      for (const id of typeof ids === 'string' ? [ids] : ids) this.remember(id, who);
    }
  }
}

function isSame(one: Correspondent, other: Correspondent): boolean {
  return one.sender === other.sender && one.socket === other.socket && one.isCommitted === other.isCommitted;
}

/** Before 2.3.1 MSH-9 may hold the word alone, or nothing. */
function isAcknowledgement(payload: Uint8Array): boolean {
  const type = fieldText(payload, 'MSH-9.1') ?? '';
  return type === '' || type === 'ACK' || type === 'MCF';
}
