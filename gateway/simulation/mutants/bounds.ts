/** Rule 15: everything is bounded, and what waits for room gets it. */
import { INTAKE, JUDGE, OWNERSHIP } from './files.ts';
import type { Mutant } from './mutant.ts';

export const BOUNDS: readonly Mutant[] = [
  {
    name: 'sockets that wait for room for their frames are never read again',
    rule: 15,
    file: 'gateway/engine/frame-budget.ts',
    find: '    this.#lookLater(this.#turn);\n    holder.resume();',
    replace: '    this.#lookLater(this.#turn);',
  },
  {
    name: 'an output waits for the room that its input takes',
    scenario: 'many-half-frames',
    rule: 15,
    file: 'gateway/engine/runtime.ts',
    find: 'this.outputFrames = this.budget.lane();',
    replace: 'this.outputFrames = this.inputFrames;',
  },
  {
    name: 'judge the output of an input that was given up by the route of now',
    scenario: 'few-open-inputs',
    rule: 15,
    file: OWNERSHIP,
    find: 'if (late === null && output.givenUp !== null) return this.#roleOfGivenUp(output, output.givenUp);',
    replace: '',
  },
  {
    name: 'forget that the output of an input that was given up has gone out',
    scenario: 'few-open-inputs-at-offset',
    rule: 15,
    file: JUDGE,
    find: 'attemptOf === null ? (givenUp?.input ?? null) : context',
    replace: 'attemptOf === null ? null : context',
  },
  {
    name: 'nobody is let in past the limit while the others hold much',
    scenario: 'many-half-frames',
    rule: 15,
    file: 'gateway/engine/frame-budget.ts',
    find: 'if (this.#turn !== null || this.#letInBytes > this.#budget.limits.frameBytes) return;',
    replace:
      'if (this.#turn !== null || this.#budget.bytes > this.#budget.limitBytes + this.#budget.limits.frameBytes) return;',
  },
  {
    name: 'count the frame of a lost socket for ever',
    rule: 15,
    file: INTAKE,
    find: '    socket.current = null;\n    this.#count(socket);\n    if (message === null) return;',
    replace: '    socket.current = null;\n    if (message === null) return;',
  },
];
