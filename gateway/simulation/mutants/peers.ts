/** Rules 2 and 6: senders that are called, and a destination that takes one connection. */
import { CALLER } from './files.ts';
import type { Mutant } from './mutant.ts';

export const CONNECTIONS: readonly Mutant[] = [
  {
    name: 'a called sender that was lost is not called again',
    rule: 6,
    file: CALLER,
    find: '    this.#timer = this.#runtime.after(this.#waitMs, () => {\n      this.#timer = null;\n      this.#dial();\n    });',
    replace: '',
  },
  {
    name: 'a called sender is another one at each call',
    rule: 6,
    file: CALLER,
    find: 'this.#intake.opened(this.#socket, this.#host);',
    replace: 'this.#intake.opened(this.#socket, String(this.#socket));',
  },
  {
    name: 'a connection to each, where a destination takes one for all',
    rule: 2,
    file: 'gateway/engine/destination.ts',
    find: 'if (!peer.isShared) return',
    replace: 'if (peer.port > 0) return',
  },
];
