/**
 * MSH-13 sequence numbers (HL7 v2 chapter 2, section 2.10.1), per sender: a number that is skipped is a message that never
 * came. It is only said: the gateway answers for no one, and a sender that starts anew begins with a lower number.
 */
import { fieldText } from '../../core/hl7/message.ts';
import { parseFieldPath } from '../../core/hl7/path.ts';
import { Newest } from '../../core/newest.ts';

export type SequenceState = readonly (readonly [sender: string, last: number])[];

const MSH_13 = parseFieldPath('MSH-13');
const NUMBER_PATTERN = /^\d{1,15}$/;
const SENDERS_LIMIT = 10_000;

export class Sequence {
  readonly #last = new Newest<string, number>(SENDERS_LIMIT);

  /** How many numbers lie between the sender's last message and this one. */
  missingBefore(sender: string, payload: Uint8Array): number {
    const text = fieldText(payload, MSH_13);
    if (text === null || !NUMBER_PATTERN.test(text)) return 0;
    const number = Number(text);
    const last = this.#last.get(sender);
    this.#last.set(sender, number);
    return last === undefined ? 0 : Math.max(0, number - last - 1);
  }

  dump(): SequenceState {
    return [...this.#last];
  }

  load(state: SequenceState): void {
    for (const [sender, last] of state) this.#last.set(sender, last);
  }
}
