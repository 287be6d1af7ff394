/** Rule 6: a retry is recognised conservatively. */
import { FLOW, INTAKE, MEMORY, SWAP } from './files.ts';
import type { Mutant } from './mutant.ts';

export const RETRIES: readonly Mutant[] = [
  {
    name: 'replay a recorded rejection',
    rule: 6,
    file: INTAKE,
    find: "        verdict === 'positive'\n          ? {",
    replace: "        verdict !== 'other'\n          ? {",
  },
  {
    name: 'replay a recorded rejection after a restart',
    rule: 6,
    file: 'gateway/engine/recovery/outcomes.ts',
    find: "if (verdict === 'positive' && answer !== null) remembered.outcome",
    replace: "if (verdict !== 'lost' && answer !== null) remembered.outcome",
  },
  {
    name: 'take what comes late on a socket that its sender has left for a new message',
    rule: 6,
    file: 'gateway/engine/left-sockets.ts',
    find: 'return this.#answered.findLast(isSame) ?? null;',
    replace: "return this.#answered.findLast((item) => isSame(item) && item.msh10 === '') ?? null;",
  },
  {
    name: 'compare ids only',
    rule: 6,
    file: MEMORY,
    find: "if (!last.digest.equals(digest)) return beside ?? { kind: 'new', reusedId: msh10 !== '' };",
    replace: '',
  },
  {
    name: 'answer again although the sender has read the answer',
    rule: 6,
    file: MEMORY,
    find: 'if (hasRead || nowMs',
    replace: 'if (nowMs',
  },
  {
    name: 'forward a resend of what is in flight',
    rule: 6,
    file: MEMORY,
    find: "return { kind: 'join', message: outcome.message };",
    replace: "return { kind: 'new', reusedId: false };",
  },
  {
    name: 'lose the memory of answers at recovery',
    rule: 6,
    file: 'gateway/engine/recovery/inputs.ts',
    find: '  recoverOutcome(feed.intake, { sender, firstAttempt: input.first, verdict, answer: payload, atMs: meta.at });',
    replace: '',
  },
  {
    name: 'lose the memory of outputs at recovery',
    rule: 6,
    file: 'gateway/engine/recovery/outputs.ts',
    find: '  recoverAnswerOf(known, meta, payload);',
    replace: '',
  },
  {
    name: 'lose the memory at a swap',
    rule: 6,
    file: SWAP,
    find: "    this.phase = 'settling';",
    replace:
      "    this.phase = 'settling';\n    const { memory } = this.#feed.intake;\n    Object.assign(this.#feed.intake, { memory: Reflect.construct(memory.constructor, [this.#feed.config.retry]) });",
  },
  {
    name: 'send an output again for a live platform',
    rule: 6,
    file: FLOW,
    find: 'repeats: waits === null,',
    replace: 'repeats: true,',
  },
];
