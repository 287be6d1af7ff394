/** Rule 7: an answer is credited once, to its own message, and what a platform says later finds its source. */
import { FEED, LINK } from './files.ts';
import type { Mutant } from './mutant.ts';

/** Rule 7: an answer is credited once, to its own message. */
export const CREDIT: readonly Mutant[] = [
  {
    name: 'credit by position',
    rule: 7,
    file: LINK,
    find: 'if (this.#learned !== null) return isCredited(this.#learned, msa2, msh10);',
    replace: "if (msh10 !== '') return true;",
  },
  {
    name: 'leave the socket of an unanswered message open',
    rule: 7,
    file: LINK,
    find: '    this.#settle();\n    this.#drop();',
    replace: '    this.#settle();',
  },
  {
    name: 'accept an answer from a former socket',
    rule: 7,
    file: LINK,
    find: 'if (this.#socket !== null) this.#runtime.close(this.#socket);',
    replace: '',
  },
];

/** Rule 7: what a platform says after its commit. */
export const ENHANCED: readonly Mutant[] = [
  {
    name: 'pass an application acknowledgement on before the commit that it follows',
    rule: 7,
    file: FEED,
    find: 'onStray: (frame) => runtime.afterDurable(() => this.#stray(platform, frame)),',
    replace: 'onStray: (frame) => this.#stray(platform, frame),',
  },
  {
    name: 'keep an application acknowledgement from the source that waits for it',
    rule: 7,
    file: 'gateway/engine/correspondence.ts',
    find: 'if (!who.isCommitted) return null;',
    replace: 'if (who.isCommitted) return null;',
  },
];
