/** Rules 2 and 8: change-overs at an offset, also over a crash. */
import { CHANGE_OVER, CONNECTION, OWNERSHIP, REPLAYED_ROUTES } from './files.ts';
import type { Mutant } from './mutant.ts';

/** Rule 8, change-overs at an offset. */
export const AT_OFFSET: readonly Mutant[] = [
  {
    name: 'at an offset: judge by the leg, not by the input',
    rule: 8,
    file: CHANGE_OVER,
    find: 'return open !== null && input !== null && input < open.offset ? open.former : now;',
    replace: 'return open !== null && input === open.offset ? open.former : now;',
  },
  {
    name: 'at an offset: the new owner does not wait for its turn',
    rule: 2,
    file: OWNERSHIP,
    find: 'return isLater && this.#ownerOf(payload, former) !== platform;',
    replace: 'return isLater && payload.length === 0;',
  },
  {
    name: 'at an offset: everything earlier but one has settled',
    rule: 8,
    file: CHANGE_OVER,
    find: 'if (this.#open === null || this.#earlier().length > 0) return;',
    replace: 'if (this.#open === null || this.#earlier().length > 1) return;',
  },
  {
    name: 'at an offset: ask nobody about what is unsettled',
    rule: 8,
    file: CONNECTION,
    find: 'else this.#observer.doubt(this, ORDER_WAIT, obligation);',
    replace: 'else this.obligations.close(obligation);',
  },
];

/** Rule 8, change-overs at an offset, over a crash. */
export const AT_OFFSET_CRASHED: readonly Mutant[] = [
  {
    name: 'at an offset: a checkpoint without the change-over that is open',
    rule: 8,
    file: CONNECTION,
    find: 'this.changeOver.restore(state.changeOver);',
    replace: 'this.changeOver.restore(null);',
  },
  {
    name: 'at an offset: forget at a recovery that a change-over is open',
    rule: 8,
    file: REPLAYED_ROUTES,
    find: 'connection.changeOver.restore(atOffset ? { offset, former } : null);',
    replace: 'connection.changeOver.restore(null);',
  },
];
