/** Rules 4 and 5: whose answer, whose output. */
import { CONNECTION, FLOW, LEG_PORT, OWNERSHIP } from './files.ts';
import type { Mutant } from './mutant.ts';

/** Rules 4 and 5: whose answer, whose output. */
export const OWNERS: readonly Mutant[] = [
  {
    name: 'answer the control ourselves',
    rule: 4,
    file: FLOW,
    find: 'waits?.intake.answer(waits.message, answer, verdict);',
    replace:
      "waits?.intake.answer(waits.message, ownAnswer(waits.message.frame.payload, 'AA', '', this.#runtime.now), 'positive');",
  },
  {
    name: 'give the candidate the control’s answer under the control’s id',
    rule: 4,
    file: FLOW,
    find: 'Buffer.from(readdress(paired, message.frame.payload))',
    replace: 'paired',
  },
  {
    name: 'ignore weights',
    rule: 5,
    file: OWNERSHIP,
    find: 'if (route.newWeight === 0 || weightKey === null) return controlOf(route);',
    replace: 'if (weightKey !== null) return controlOf(route);',
  },
  {
    name: 'one share too many for new',
    rule: 5,
    file: OWNERSHIP,
    find: 'return share < route.newWeight',
    replace: 'return share <= route.newWeight',
  },
  {
    name: 'deliver the candidate',
    rule: 5,
    file: OWNERSHIP,
    find: "if (this.#ownerOf(output.payload, route) !== platform) return candidateOf(route) === null ? 'park' : 'capture';",
    replace: '',
  },
  {
    name: 'ignore what tells shared legs apart',
    rule: 5,
    file: LEG_PORT,
    find: 'return match === null || matchesPredicate(payload, match);',
    replace: 'return match === null || payload.length > 0;',
  },
  {
    name: 'owe an output for inputs that the connection filters',
    rule: 5,
    file: CONNECTION,
    find: 'if (config.applies !== null && (',
    replace: "if (config.applies !== null && input.feed === '' && (",
  },
];

/** ADR 35: a connection without a feed has one owner at a time. */
export const WITHOUT_FEED: readonly Mutant[] = [
  {
    name: 'without a feed: take what a platform sends that does not own it',
    scenario: 'without-feed',
    rule: 2,
    file: CONNECTION,
    find: '    if (platform === controlOf(this.route)) {\n      origin.heard',
    replace: '    if (platform !== null) {\n      origin.heard',
  },
  {
    name: 'without a feed: list nothing that is refused',
    scenario: 'without-feed',
    rule: 2,
    file: CONNECTION,
    find: "      this.listed('refused', facts, null, notOwner(platform));",
    replace: '',
  },
];
