/** Rule 1: a message or an answer leaves as it came. */
import { INTAKE, LINK } from './files.ts';
import type { Mutant } from './mutant.ts';

export const BYTES: readonly Mutant[] = [
  {
    name: 'decode and encode a message on its way to a platform or destination',
    rule: 1,
    file: LINK,
    find: 'framed(delivery.frame, this.#peer.framing)',
    replace:
      "framed({ payload: Buffer.from(Buffer.from(delivery.frame.payload).toString('utf8')) }, this.#peer.framing)",
  },
  {
    name: 'decode and encode an answer',
    rule: 1,
    file: INTAKE,
    find: 'const bytes = framed({ payload: answer }, this.#listener.framing);',
    replace: "const bytes = framed({ payload: Buffer.from(answer.toString('utf8')) }, this.#listener.framing);",
  },
];
