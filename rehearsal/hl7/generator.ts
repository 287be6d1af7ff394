/**
 * The messages of one connection, made from a seed: the n-th message is the same in every run. Time is the
 * sequence's own (one message every 30 s from a fixed start), so that no clock gets into the bytes.
 */
import { type Envelope, type Sender, VERSIONS } from './envelope.ts';
import { orderMessage } from './orders.ts';
import { randomFrom } from './random.ts';
import { resultStream } from './results.ts';

const FIRST_MESSAGE_AT = Date.UTC(2026, 0, 5, 8, 0, 0);
const STEP_MS = 30_000;

export type GeneratorSpec = {
  readonly seed: string;
  readonly connection: string;
  readonly direction: 'orders' | 'results';
  /** Of the connection in its estate: makes MSH-10 unique among all senders. */
  readonly index: number;
  /** The practice's code: MSH-4 of its orders, MSH-6 of its results. */
  readonly facility: string;
  /** Practices on the same feed, to which a result is sometimes copied. */
  readonly copiesTo?: readonly string[];
};

export type GeneratedMessage = { readonly bytes: Buffer; readonly controlId: string; readonly sequence: number };
export type MessageSource = { next(): GeneratedMessage };

export function createGenerator(spec: GeneratorSpec): MessageSource {
  const random = randomFrom(`${spec.seed}/${spec.connection}`);
  const results = resultStream(
    random,
    (spec.copiesTo ?? []).filter((facility) => facility !== spec.facility),
  );
  const sender = senderOf(spec);
  let sequence = 0;
  return {
    next: () => {
      sequence++;
      const prefix = `${spec.direction === 'orders' ? 'O' : 'R'}${String(spec.index).padStart(4, '0')}`;
      const envelope: Envelope = {
        sender,
        sequence,
        controlId: `${prefix}${String(sequence).padStart(8, '0')}`,
        at: new Date(FIRST_MESSAGE_AT + sequence * STEP_MS),
      };
      const bytes = spec.direction === 'orders' ? orderMessage(random, envelope) : results.next(envelope);
      return { bytes, controlId: envelope.controlId, sequence };
    },
  };
}

/** Versions and charsets are spread over the estate, fixed per connection as real interfaces are. */
function senderOf({ direction, index, facility }: GeneratorSpec): Sender {
  const practice = { application: 'PRACTICE-EMR', facility };
  const laboratory = { application: 'REHEARSAL-LIS', facility: 'MAINLAB' };
  const [from, to] = direction === 'orders' ? [practice, laboratory] : [laboratory, practice];
  return {
    application: from.application,
    facility: from.facility,
    receivingApplication: to.application,
    receivingFacility: to.facility,
    version: VERSIONS[index % VERSIONS.length] ?? '2.5.1',
    charset: index % 3 === 0 ? '8859/1' : 'UNICODE UTF-8',
  };
}
