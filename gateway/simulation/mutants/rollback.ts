/** Rule 9: a forced rollback. */
import { CONNECTION, FEED, JUDGE, MOVES, OWNERSHIP, REOWN, SHADOW } from './files.ts';
import type { Mutant } from './mutant.ts';

export const ROLLBACK: readonly Mutant[] = [
  {
    name: 'forget one re-own in three',
    rule: 9,
    file: REOWN,
    find: '    connection.obligations.promise(obligation, heir);',
    replace: '    if (obligation.input % 3 !== 0) connection.obligations.promise(obligation, heir);',
  },
  {
    name: 'do not deliver what was captured',
    rule: 9,
    file: MOVES,
    find: "      deliverCaptures(connection, 'legacy');",
    replace: '',
  },
  {
    name: 'no tombstone: deliver what the former owner still sends',
    rule: 9,
    file: OWNERSHIP,
    find: "return obligation.owner === platform ? 'deliver' : 'suppress';",
    replace: "return 'deliver';",
  },
  {
    name: 'judge a late output by the current owner only',
    rule: 9,
    file: OWNERSHIP,
    find: "if (obligation === null) return late ?? 'deliver';",
    replace: "if (obligation === null) return 'deliver';",
  },
  {
    name: 'live input before the backlog of its platform',
    rule: 9,
    file: FEED,
    find: 'if (this.shadows[primary].lag > 0) return null;',
    replace: '',
  },
  {
    name: 'give an owed copy up when its platform is lost',
    rule: 9,
    file: SHADOW,
    find: "          if (this.#copies[0] === copy) this.#stage = 'idle';\n          this.#owner.advance();\n        });",
    replace:
      "          if (this.#copies[0] === copy) {\n            this.#stage = 'idle';\n            this.#copies.shift();\n          }\n          this.#owner.advance();\n        });",
  },
  {
    name: 'drop the copies that legacy still has to get',
    rule: 9,
    file: MOVES,
    find: 'feed.shadows[otherPlatform(primary)].drop();',
    replace: 'feed.shadows[otherPlatform(primary)].drop();\n    if (request.force) feed.shadows.legacy.drop();',
  },
  {
    name: 'reverse the backlog of copies at recovery',
    rule: 9,
    file: SHADOW,
    find: '  requeue(input: AdmittedInput): void {\n    this.#copies.push(',
    replace: '  requeue(input: AdmittedInput): void {\n    this.#copies.unshift(',
  },
  {
    name: 'let a copy go that its owner rejected',
    rule: 9,
    file: CONNECTION,
    find: '    side.refused = true;',
    replace: '',
  },
  {
    name: 'deliver a resend of what was taken over',
    rule: 9,
    file: JUDGE,
    find: 'this.#obligations.isTakenOver(attemptOf)',
    replace: 'this.#obligations.isTakenOver(attemptOf - 1e9)',
  },
  {
    name: 're-own what the heir has delivered already',
    rule: 9,
    file: REOWN,
    find: '    if (isHeirs) {',
    replace: '    if (isHeirs && dead === heir) {',
  },
];
