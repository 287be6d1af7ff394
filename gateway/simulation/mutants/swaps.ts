/** Rule 8: a swap is all or nothing, bounded, fenced. */
import { CONNECTION, FEED, MOVES, OBLIGATIONS, RECOVERY, REPLAYED_ROUTES, SWAP } from './files.ts';
import type { Mutant } from './mutant.ts';

export const SWAPS: readonly Mutant[] = [
  {
    name: 'release before the epoch is durable',
    rule: 8,
    file: SWAP,
    find: 'this.#hooks.commit(() => this.#committed());',
    replace: 'this.#hooks.commit(() => {});\n    this.#committed();',
  },
  {
    name: 'ask written where the epoch must be durable',
    rule: 8,
    file: MOVES,
    find: "this.#runtime.append(record, null, 'durable', () => {\n      connection.epochs",
    replace: "this.#runtime.append(record, null, 'written', () => {\n      connection.epochs",
  },
  {
    name: 'tell the outcome before it is durable',
    rule: 8,
    file: MOVES,
    find: "this.#runtime.append(record, null, 'durable', () => {\n          this.#operations.end(",
    replace: "this.#runtime.append(record, null, 'written', () => {\n          this.#operations.end(",
  },
  {
    name: 'abort after the point of no return',
    rule: 8,
    file: SWAP,
    find: 'this.#hooks.commit(() => this.#committed());',
    replace:
      "this.#hooks.commit(() => this.#committed());\n    this.#deadlineTimer = this.#runtime.after(4, () => {\n      if (this.phase === 'committing') this.phase = 'draining';\n      this.#abort('too slow');\n    });",
  },
  {
    name: 'wait for neither primary nor copies nor what they owe',
    rule: 8,
    file: SWAP,
    find: 'this.#feed.isQuiet && this.#connection.isSettled()',
    replace: 'this.#connection.openOutputs === 0',
  },
  {
    name: 'do not wait for the candidate',
    rule: 8,
    file: SWAP,
    find: 'this.#feed.isQuiet && this.#connection.isSettled()',
    replace:
      'this.#feed.isQuiet && (this.#connection.isSettled() || this.#connection.openOutputs + this.#connection.owedOutputs === 0)',
  },
  {
    name: 'judge outputs while an epoch is on its way to the disk',
    rule: 8,
    file: CONNECTION,
    find: '    if (this.changeOver.isCommitting) {',
    replace: '    if (this.changeOver.isCommitting && platform === null) {',
  },
  {
    name: 'forget what a platform without a role may still send',
    rule: 8,
    file: OBLIGATIONS,
    find: "if (!platforms.includes(platform) && side.state === 'expected') side.state = 'missing';",
    replace: "if (!platforms.includes(platform) && side.state === 'expected') side.state = 'none';",
  },
  {
    name: 'do not wait for outputs at all',
    rule: 8,
    file: SWAP,
    find: 'this.#feed.isQuiet && this.#connection.isSettled()',
    replace: 'this.#feed.isQuiet',
  },
  {
    name: 'do not wait for outputs that can still come',
    rule: 8,
    file: CONNECTION,
    find: 'return this.openOutputs === 0 && this.obligations.size === 0;',
    replace: 'return this.openOutputs === 0;',
  },
  {
    name: 'hold nothing',
    rule: 8,
    file: FEED,
    find: 'if (!this.isHeld) this.#admitNext();',
    replace: 'this.#admitNext();',
  },
  {
    name: 'hold without a limit',
    rule: 8,
    file: SWAP,
    find: 'this.#holdTimer = this.#runtime.after(leftMs, () => {',
    replace: 'this.#holdTimer = this.#runtime.after(leftMs * 1000, () => {',
  },
  {
    name: 'the primary does not follow the route',
    rule: 8,
    file: MOVES,
    find: '    feed.setPrimary(primary);',
    replace: '',
  },
  {
    name: 'the primary does not follow the route at recovery',
    rule: 8,
    file: RECOVERY,
    find: '      feed.setPrimary(primaryOf(',
    replace: '      void (primaryOf(',
  },
  {
    name: 'the first switch of a shared feed moves its primary',
    rule: 8,
    file: 'core/platform.ts',
    find: "return routes.every((route) => controlOf(route) === 'new') ? 'new' : 'legacy';",
    replace: "return routes.some((route) => controlOf(route) === 'new') ? 'new' : 'legacy';",
  },
  {
    name: 'carry out a request for another epoch',
    rule: 8,
    file: 'core/connection.ts',
    find: 'if (move.expectedEpoch !== route.epoch) {',
    replace: 'if (move.expectedEpoch < route.epoch) {',
  },
  {
    name: 'forget request ids at recovery',
    rule: 8,
    file: REPLAYED_ROUTES,
    find: 'engine.operations.recover(meta.requestId,',
    replace: 'engine.operations.recover(`forgotten ${meta.requestId}`,',
  },
];
